package dev.sequor.picture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Boxes, and edges that lead from box to box; to be drawn in rows, so that every edge leads from
 * one row to a later one.
 *
 * @param boxes each after those that lead to it
 * @param edges from a box to one after it
 */
record LayeredGraph(List<Box> boxes, List<Edge> edges) {
  /** Which rows a box may stand in. */
  enum Place {
    /** The first; no edge leads to it. */
    TOP,
    /** Any that its edges allow. */
    BETWEEN,
    /** The last; no edge leaves it. */
    BOTTOM
  }

  /**
   * A box.
   *
   * @param exits where edges may leave it, from its middle to the right
   */
  record Box(double width, double height, Place place, List<Double> exits) {}

  /**
   * An edge.
   *
   * @param from the number of a box
   * @param exit which of its exits
   * @param to the number of a box
   */
  record Edge(int from, int exit, int to) {}

  /** The row of each box, from 0. */
  int[] rows() {
    List<List<Edge>> into = new ArrayList<>();
    List<List<Edge>> out = new ArrayList<>();
    boxes.forEach(
        box -> {
          into.add(new ArrayList<>());
          out.add(new ArrayList<>());
        });
    for (Edge edge : edges) {
      out.get(edge.from()).add(edge);
      into.get(edge.to()).add(edge);
    }
    boolean hasTop = boxes.stream().anyMatch(box -> box.place() == Place.TOP);
    int[] rows = new int[boxes.size()];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = hasTop && boxes.get(i).place() != Place.TOP ? 1 : 0;
      for (Edge edge : into.get(i)) {
        rows[i] = Math.max(rows[i], rows[edge.from()] + 1);
      }
    }
    int last = Arrays.stream(rows).max().orElse(0);
    for (int i = rows.length - 1; i >= 0; i--) {
      Place place = boxes.get(i).place();
      if (place == Place.BOTTOM) {
        rows[i] = last;
      } else if (place == Place.BETWEEN && out.get(i).size() > into.get(i).size()) {
        // Later, where that shortens more edges than it stretches.
        rows[i] = out.get(i).stream().mapToInt(edge -> rows[edge.to()] - 1).min().orElse(rows[i]);
      }
    }
    return rows;
  }
}
