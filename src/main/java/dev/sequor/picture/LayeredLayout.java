package dev.sequor.picture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the boxes and edges of a {@link LayeredGraph} are drawn, after Sugiyama, Tagawa and Toda
 * (1981): rows by the longest path, a stand-in for a long edge in each row that it passes, an order
 * of each row by the barycentres of its neighbours, and places as near to the neighbours as the
 * order allows. Between rows an edge may go anywhere, within a row only straight down in its own
 * column, so none ever meets a box. The same graph has the same layout.
 */
final class LayeredLayout {
  /** Between boxes, and between the columns of edges. */
  private static final double BOX_GAP = 24;

  private static final double COLUMN_GAP = 14;
  private static final double ROW_GAP = 34;
  private static final double WIDEST_ROW_GAP = 80;
  private static final double SLOPE = 0.16;
  private static final double ENTRY_GAP = 18;

  private static final int ORDER_SWEEPS = 24;
  private static final int PLACE_SWEEPS = 240;

  /** How much more long edges want to be straight than short ones. */
  private static final double[] STRAIGHTNESS = {1, 3, 12};

  /** A box or the stand-in of an edge, which has no width. */
  private static final class Spot {
    final int box;
    final int row;
    final double halfWidth;
    final List<Link> above = new ArrayList<>();
    final List<Link> below = new ArrayList<>();
    double middle;
    int order;

    Spot(int box, int row, double halfWidth) {
      this.box = box;
      this.row = row;
      this.halfWidth = halfWidth;
    }

    boolean isBox() {
      return box >= 0;
    }
  }

  /** From a spot to one in the next row. */
  private static final class Link {
    final Spot from;
    final Spot to;
    final double exit;
    double entry;

    Link(Spot from, Spot to, double exit) {
      this.from = from;
      this.to = to;
      this.exit = exit;
    }

    double weight() {
      return STRAIGHTNESS[(from.isBox() ? 0 : 1) + (to.isBox() ? 0 : 1)];
    }
  }

  /** Where a box is. */
  record Placed(double x, double y, double width, double height) {}

  /**
   * Where an edge is: from one point to the next it is straight down if they are within a row, or
   * else a curve that begins and ends straight down.
   *
   * @param points at least 2, each {@code x, y}, falling
   */
  record Routed(List<double[]> points) {}

  private final LayeredGraph graph;
  private final List<List<Spot>> rows = new ArrayList<>();
  private final List<List<Link>> routes = new ArrayList<>();
  private final List<Placed> boxes = new ArrayList<>();
  private final List<Routed> edges = new ArrayList<>();
  private double width;
  private double height;

  private LayeredLayout(LayeredGraph graph) {
    this.graph = graph;
  }

  static LayeredLayout of(LayeredGraph graph) {
    LayeredLayout layout = new LayeredLayout(graph);
    layout.makeSpots();
    layout.order();
    layout.spreadEntries();
    layout.place();
    layout.measure();
    return layout;
  }

  /** The boxes in their order. */
  List<Placed> boxes() {
    return boxes;
  }

  /** The edges in their order. */
  List<Routed> edges() {
    return edges;
  }

  double width() {
    return width;
  }

  double height() {
    return height;
  }

  // ---- rows ------------------------------------------------------------------------------------

  /** Edges from the same exit have one way as far as they have the same one. */
  private void makeSpots() {
    int[] rowOf = graph.rows();
    int count = Arrays.stream(rowOf).max().orElse(-1) + 1;
    for (int row = 0; row < count; row++) {
      rows.add(new ArrayList<>());
    }
    List<Spot> spots = new ArrayList<>();
    for (int i = 0; i < rowOf.length; i++) {
      Spot spot = new Spot(i, rowOf[i], graph.boxes().get(i).width() / 2);
      spots.add(spot);
      rows.get(rowOf[i]).add(spot);
    }
    record Column(int box, int exit, int row) {}
    Map<Column, Link> columns = new LinkedHashMap<>();
    for (LayeredGraph.Edge edge : graph.edges()) {
      List<Link> route = new ArrayList<>();
      Spot at = spots.get(edge.from());
      double exit = graph.boxes().get(edge.from()).exits().get(edge.exit());
      for (int row = rowOf[edge.from()] + 1; row < rowOf[edge.to()]; row++) {
        Column column = new Column(edge.from(), edge.exit(), row);
        Link link = columns.get(column);
        if (link == null) {
          Spot passing = new Spot(-1, row, 0);
          rows.get(row).add(passing);
          link = link(at, passing, exit);
          columns.put(column, link);
        }
        route.add(link);
        at = link.to;
        exit = 0;
      }
      route.add(link(at, spots.get(edge.to()), exit));
      routes.add(route);
    }
  }

  private static Link link(Spot from, Spot to, double exit) {
    Link link = new Link(from, to, exit);
    from.below.add(link);
    to.above.add(link);
    return link;
  }

  // ---- the order within rows -------------------------------------------------------------------

  private void order() {
    rows.forEach(LayeredLayout::number);
    List<List<Spot>> best = copyOfRows();
    long fewest = crossings();
    for (int sweep = 0; sweep < ORDER_SWEEPS && fewest > 0; sweep++) {
      boolean down = sweep % 2 == 0;
      for (int i = 1; i < rows.size(); i++) {
        sort(rows.get(down ? i : rows.size() - 1 - i), down);
      }
      long now = crossings();
      if (now < fewest) {
        fewest = now;
        best = copyOfRows();
      }
    }
    for (int row = 0; row < rows.size(); row++) {
      rows.set(row, best.get(row));
      number(rows.get(row));
    }
  }

  private List<List<Spot>> copyOfRows() {
    List<List<Spot>> copy = new ArrayList<>();
    rows.forEach(row -> copy.add(new ArrayList<>(row)));
    return copy;
  }

  private static void number(List<Spot> row) {
    for (int i = 0; i < row.size(); i++) {
      row.get(i).order = i;
    }
  }

  /** By the mean of the neighbours in the row before; whoever has none stays where it is. */
  private static void sort(List<Spot> row, boolean down) {
    Map<Spot, Double> barycentres = new LinkedHashMap<>();
    for (Spot spot : row) {
      barycentres.put(
          spot,
          (down ? spot.above : spot.below)
              .stream()
                  .mapToDouble(link -> down ? orderOfExit(link) : link.to.order)
                  .average()
                  .orElse(spot.order));
    }
    row.sort(Comparator.comparingDouble(spot -> barycentres.getOrDefault(spot, 0.0)));
    number(row);
  }

  /** Exits of one box are in an order, too. */
  private static double orderOfExit(Link link) {
    return link.from.order + (link.exit == 0 ? 0 : link.exit / (2.2 * link.from.halfWidth));
  }

  private long crossings() {
    long all = 0;
    for (List<Spot> row : rows) {
      List<Link> links = new ArrayList<>();
      row.forEach(spot -> links.addAll(spot.below));
      links.sort(
          Comparator.comparingDouble(LayeredLayout::orderOfExit)
              .thenComparingInt(link -> link.to.order));
      all += inversions(links.stream().mapToInt(link -> link.to.order).toArray());
    }
    return all;
  }

  /** Pairs whose later one is less; counted in a tree of partial sums. */
  private static long inversions(int... values) {
    int most = Arrays.stream(values).max().orElse(0) + 1;
    int[] tree = new int[most + 1];
    long count = 0;
    for (int seen = 0; seen < values.length; seen++) {
      int notAbove = 0;
      for (int i = values[seen] + 1; i > 0; i -= i & -i) {
        notAbove += tree[i];
      }
      count += seen - notAbove;
      for (int i = values[seen] + 1; i <= most; i += i & -i) {
        tree[i]++;
      }
    }
    return count;
  }

  // ---- places ----------------------------------------------------------------------------------

  /** Where edges enter a box: side by side in the order in which they come. */
  private void spreadEntries() {
    for (List<Spot> row : rows) {
      for (Spot spot : row) {
        List<Link> links = new ArrayList<>(spot.above);
        links.sort(Comparator.comparingDouble(LayeredLayout::orderOfExit));
        double gap = Math.min(ENTRY_GAP, 1.6 * spot.halfWidth / Math.max(1, links.size()));
        for (int i = 0; i < links.size(); i++) {
          links.get(i).entry = spot.isBox() ? (i - (links.size() - 1) / 2.0) * gap : 0;
        }
      }
    }
  }

  private void place() {
    for (List<Spot> row : rows) {
      settle(row, new double[row.size()], ones(row.size()));
    }
    for (int sweep = 0; sweep < PLACE_SWEEPS; sweep++) {
      boolean down = sweep % 2 == 0;
      // The last sweeps look both ways, so that a box stands between what it joins.
      boolean both = sweep >= PLACE_SWEEPS / 2;
      for (int i = 0; i < rows.size(); i++) {
        pull(rows.get(down ? i : rows.size() - 1 - i), down || both, !down || both);
      }
    }
  }

  private static double[] ones(int count) {
    double[] ones = new double[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static void pull(List<Spot> row, boolean byAbove, boolean byBelow) {
    double[] wanted = new double[row.size()];
    double[] weights = new double[row.size()];
    for (int i = 0; i < row.size(); i++) {
      Spot spot = row.get(i);
      double sum = 0;
      if (byAbove) {
        for (Link link : spot.above) {
          sum += link.weight() * (link.from.middle + link.exit - link.entry);
          weights[i] += link.weight();
        }
      }
      if (byBelow) {
        for (Link link : spot.below) {
          sum += link.weight() * (link.to.middle + link.entry - link.exit);
          weights[i] += link.weight();
        }
      }
      wanted[i] = weights[i] > 0 ? sum / weights[i] : spot.middle;
      weights[i] = Math.max(weights[i], 0.1);
    }
    settle(row, wanted, weights);
  }

  private static void settle(List<Spot> row, double[] wanted, double[] weights) {
    double[] gaps = new double[row.size()];
    for (int i = 1; i < gaps.length; i++) {
      Spot one = row.get(i - 1);
      Spot two = row.get(i);
      double between = one.isBox() && two.isBox() ? BOX_GAP : COLUMN_GAP;
      gaps[i] = one.halfWidth + between + two.halfWidth;
    }
    double[] places = Spacing.apart(wanted, weights, gaps);
    for (int i = 0; i < places.length; i++) {
      row.get(i).middle = places[i];
    }
  }

  private void measure() {
    double left = Double.POSITIVE_INFINITY;
    double right = Double.NEGATIVE_INFINITY;
    for (List<Spot> row : rows) {
      for (Spot spot : row) {
        left = Math.min(left, spot.middle - spot.halfWidth);
        right = Math.max(right, spot.middle + spot.halfWidth);
      }
    }
    width = right - left;
    double[] tops = new double[rows.size()];
    double[] bottoms = new double[rows.size()];
    double y = 0;
    for (int row = 0; row < rows.size(); row++) {
      tops[row] = y;
      double highest = 0;
      double farthest = 0;
      for (Spot spot : rows.get(row)) {
        spot.middle -= left;
        highest = Math.max(highest, spot.isBox() ? graph.boxes().get(spot.box).height() : 0);
        for (Link link : spot.below) {
          // That row is still where it was.
          double across = link.to.middle - left + link.entry - spot.middle - link.exit;
          farthest = Math.max(farthest, Math.abs(across));
        }
      }
      bottoms[row] = y + highest;
      height = bottoms[row];
      y += highest + Math.min(WIDEST_ROW_GAP, Math.max(ROW_GAP, SLOPE * farthest));
    }
    Placed[] placed = new Placed[graph.boxes().size()];
    for (List<Spot> row : rows) {
      for (Spot spot : row) {
        if (spot.isBox()) {
          LayeredGraph.Box box = graph.boxes().get(spot.box);
          placed[spot.box] =
              new Placed(spot.middle - spot.halfWidth, tops[spot.row], box.width(), box.height());
        }
      }
    }
    boxes.addAll(Arrays.asList(placed));
    routes.forEach(route -> edges.add(routed(route, tops, bottoms)));
  }

  private Routed routed(List<Link> route, double[] tops, double[] bottoms) {
    List<double[]> points = new ArrayList<>();
    for (Link link : route) {
      double x = link.from.middle + link.exit;
      int row = link.from.row;
      if (link.from.isBox()) {
        double end = tops[row] + graph.boxes().get(link.from.box).height();
        points.add(new double[] {x, end});
        if (end < bottoms[row]) {
          points.add(new double[] {x, bottoms[row]});
        }
      } else if (bottoms[row] > tops[row]) {
        points.add(new double[] {x, bottoms[row]});
      }
      points.add(new double[] {link.to.middle + link.entry, tops[link.to.row]});
    }
    return new Routed(points);
  }
}
