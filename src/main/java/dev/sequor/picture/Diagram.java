package dev.sequor.picture;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A figure of a computation: boxes, circles and the wires between them, which know what they join,
 * so that what is drawn can be computed from the drawing alone.
 */
final class Diagram {
  private static final double CORNER = 8;
  private static final double ARROW = 7;
  private static final double RADIUS = 12;
  private static final double BOX_HEIGHT = 30;
  private static final double SYMBOL = 14;
  private static final double SMALL_SYMBOL = 13;
  private static final double LABEL = 14;
  private static final double LETTER = 16;
  private static final double TITLE = 15;
  private static final double LINE = 13;
  private static final double LINE_HEIGHT = 20;
  private static final double MARGIN = 10;

  /** Where a wire begins or ends. */
  record Node(String id, String op, double x, double y, double halfWidth, double halfHeight) {
    boolean hasArrow() {
      return !op.equals("join");
    }

    double left() {
      return x - halfWidth;
    }

    double right() {
      return x + halfWidth;
    }

    double top() {
      return y - halfHeight;
    }

    double bottom() {
      return y + halfHeight;
    }
  }

  /** What lies behind all, then wires, then what wires join. */
  private final List<SvgElement> grounds = new ArrayList<>();

  private final List<SvgElement> wires = new ArrayList<>();
  private final List<SvgElement> nodes = new ArrayList<>();
  private int count;

  private String id() {
    return "n" + count++;
  }

  /** What a cell is made of stands on this. */
  Diagram ground(double x, double y, double width, double height) {
    grounds.add(
        SvgElement.rect(x, y, width, height)
            .with("rx", 14)
            .fill(Ink.BOX)
            .stroke(Ink.GRID)
            .with("stroke-width", 1.5));
    return this;
  }

  private Node node(
      String op, double x, double y, double halfWidth, double halfHeight, SvgElement drawn) {
    Node node = new Node(id(), op, x, y, halfWidth, halfHeight);
    nodes.add(
        drawn
            .with("data-node", node.id())
            .with("data-op", op)
            .with("data-place", words(x, y, halfWidth, halfHeight)));
    return node;
  }

  /** What comes from outside; its name stands above the place where its wire begins. */
  Node input(String name, String shown, double x, double y) {
    return node("input:" + name, x, y, 0, 0, SvgElement.of("g").add(label(x, y - 7, shown)));
  }

  /** What comes from below; its name stands beside its wire. */
  Node inputFromBelow(String name, String shown, double x, double y) {
    return node("input:" + name, x, y, 0, 0, SvgElement.of("g").add(label(x + 9, y, shown)));
  }

  /** What goes on; its name ends above the place where its wire does. */
  Node output(String name, String shown, double x, double y) {
    return node(
        "output:" + name,
        x,
        y,
        0,
        0,
        SvgElement.of("g").add(label(x, y - 9, shown).with("text-anchor", "end")));
  }

  /** What comes out on top; its name stands beside the tip of its wire. */
  Node outputAbove(String name, String shown, double x, double y) {
    return node("output:" + name, x, y, 0, 0, SvgElement.of("g").add(label(x + 9, y + 9, shown)));
  }

  /** A place where a wire begins or ends that has no name. */
  Node open(double x, double y) {
    return node("open", x, y, 0, 0, SvgElement.of("g"));
  }

  private static SvgElement label(double x, double y, String words) {
    return SvgElement.text(x, y, LABEL, words);
  }

  /** A gate: a function of {@code W x + bW + R s + bR}, with its own rows of both. */
  Node gate(char name, String function, Ink ink, double x, double y) {
    SvgElement letter =
        SvgElement.text(x - 8, y - BOX_HEIGHT / 2 - 9, LETTER, String.valueOf(name))
            .fill(ink)
            .with("text-anchor", "end")
            .with("font-weight", "bold")
            .with("font-style", "italic");
    return box("gate:" + name + ":" + function, function, ink, x, y, 48, letter);
  }

  /** A product with weights and its bias. */
  Node weights(String name, String shown, Ink ink, double x, double y) {
    return box("weights:" + name, shown, ink, x, y, 40, null);
  }

  /** A whole layer or cell at one time step. */
  Node block(String words, Ink ink, double x, double y, double width) {
    return box("block:" + words, words, ink, x, y, width, null);
  }

  private Node box(
      String op,
      String words,
      Ink ink,
      double x,
      double y,
      double width,
      @Nullable SvgElement letter) {
    SvgElement drawn = SvgElement.of("g");
    drawn.add(
        SvgElement.rect(x - width / 2, y - BOX_HEIGHT / 2, width, BOX_HEIGHT)
            .with("rx", 5)
            .fill(Ink.PAGE)
            .stroke(ink)
            .with("stroke-width", 2));
    drawn.add(centred(x, y, SYMBOL, words));
    if (letter != null) {
      drawn.add(letter);
    }
    return node(op, x, y, width / 2, BOX_HEIGHT / 2, drawn);
  }

  private static SvgElement centred(double x, double y, double size, String words) {
    return SvgElement.text(x, y + size * 0.36, size, words).with("text-anchor", "middle");
  }

  /** What is done with each element: {@code ×}, {@code +}, {@code 1−} or a function. */
  Node pointwise(String symbol, double x, double y) {
    double halfWidth = symbol.length() > 2 ? 24 : RADIUS;
    SvgElement drawn =
        SvgElement.of("g")
            .add(
                SvgElement.rect(x - halfWidth, y - RADIUS, 2 * halfWidth, 2 * RADIUS)
                    .with("rx", RADIUS)
                    .fill(Ink.PAGE)
                    .stroke(Ink.FAINT)
                    .with("stroke-width", 1.5))
            .add(centred(x, y, SMALL_SYMBOL, symbol));
    return node(symbol, x, y, halfWidth, RADIUS, drawn);
  }

  /** Where wires become one that carries both. */
  Node join(double x, double y) {
    return node("join", x, y, 0, 0, SvgElement.of("g").add(dot(x, y)));
  }

  private static SvgElement dot(double x, double y) {
    return SvgElement.of("circle").with("cx", x).with("cy", y).with("r", 3.4).fill(Ink.FAINT);
  }

  /** A wire that begins at another of the same node has a dot there. */
  Diagram branch(Node from, Node to, double... points) {
    nodes.add(dot(points[0], points[1]));
    return wire(from, to, points);
  }

  /**
   * A wire.
   *
   * @param points x and y of its beginning, its corners and its end
   */
  Diagram wire(Node from, Node to, double... points) {
    return wire(from, to, "", points);
  }

  /** A dashed wire with a weight of its own, from one that is there. */
  Diagram peephole(Node from, Node to, Ink ink, double... points) {
    nodes.add(dot(points[0], points[1]));
    int before = wires.size();
    wire(from, to, "peephole", points);
    wires.get(before).stroke(ink).with("stroke-dasharray", "5 3");
    wires.get(before + 1).fill(ink);
    return this;
  }

  private Diagram wire(Node from, Node to, String kind, double... points) {
    int end = points.length - 2;
    boolean hasArrow = to.hasArrow();
    double x = points[end];
    double y = points[end + 1];
    double length = Math.hypot(x - points[end - 2], y - points[end - 1]);
    double dx = (x - points[end - 2]) / length;
    double dy = (y - points[end - 1]) / length;
    SvgPath path = new SvgPath().moveTo(points[0], points[1]);
    for (int i = 2; i < end; i += 2) {
      corner(path, points, i);
    }
    double back = hasArrow ? ARROW - 1 : 0;
    path.lineTo(x - back * dx, y - back * dy);
    SvgElement line =
        path.element()
            .stroke(Ink.FAINT)
            .with("stroke-width", 1.8)
            .with("data-from", from.id())
            .with("data-to", to.id())
            .with("data-points", words(points));
    wires.add(kind.isEmpty() ? line : line.with("data-kind", kind));
    if (hasArrow) {
      double half = ARROW * 0.6;
      wires.add(
          new SvgPath()
              .moveTo(x - ARROW * dx - half * dy, y - ARROW * dy + half * dx)
              .lineTo(x - ARROW * dx + half * dy, y - ARROW * dy - half * dx)
              .lineTo(x, y)
              .close()
              .element()
              .fill(Ink.FAINT));
    }
    return this;
  }

  private static void corner(SvgPath path, double[] points, int i) {
    double x = points[i];
    double y = points[i + 1];
    double[] from = towards(x, y, points[i - 2], points[i - 1]);
    double[] to = towards(x, y, points[i + 2], points[i + 3]);
    path.lineTo(from[0], from[1]).curveTo(x, y, x, y, to[0], to[1]);
  }

  private static double[] towards(double x, double y, double otherX, double otherY) {
    double length = Math.hypot(otherX - x, otherY - y);
    double part = Math.min(CORNER, length / 2) / length;
    return new double[] {x + part * (otherX - x), y + part * (otherY - y)};
  }

  private static String words(double... points) {
    StringBuilder words = new StringBuilder();
    for (double each : points) {
      words.append(words.isEmpty() ? "" : " ").append(Numbers.plain("coordinate", each));
    }
    return words.toString();
  }

  /** Words at a place. */
  Diagram words(double x, double y, String words) {
    nodes.add(label(x, y, words));
    return this;
  }

  /** The picture, with its title above and lines of text below. */
  Svg svg(String title, double width, double height, List<String> lines) {
    double top = MARGIN + TITLE * 1.3;
    SvgElement body =
        SvgElement.of("g").with("transform", "translate(0 " + Numbers.plain("y", top) + ")");
    grounds.forEach(body::add);
    wires.forEach(body::add);
    nodes.forEach(body::add);
    List<SvgElement> elements = new ArrayList<>();
    elements.add(SvgElement.text(MARGIN, MARGIN + TITLE, TITLE, title).with("font-weight", "bold"));
    elements.add(body);
    double y = top + height;
    double widest = width;
    for (String line : lines) {
      y += LINE_HEIGHT;
      elements.add(SvgElement.text(MARGIN, y, LINE, line));
      widest = Math.max(widest, TextWidth.of(line, LINE) + 2 * MARGIN);
    }
    return new Svg(widest, y + MARGIN, title, String.join(". ", lines), elements);
  }
}
