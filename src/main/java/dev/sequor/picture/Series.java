package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/**
 * Points of a {@link Chart} that belong together.
 *
 * @param name stands at its end, or in a legend
 * @param points in the order in which a line joins them
 * @param kind how they are drawn
 * @param ink in what colour
 * @param marker what stands at each
 * @param dash which pattern its line has, from 0, which has no gaps; they come round again
 */
public record Series(String name, List<Point> points, Kind kind, Ink ink, Marker marker, int dash) {
  /** The patterns of lines. */
  private static final List<String> DASHES = List.of("", "7 4", "2 3", "9 3 2 3", "12 4", "1 2");

  /** How points are drawn. */
  public enum Kind {
    /** A line through them. */
    LINE,
    /** Marks alone. */
    POINTS,
    /** Each value lasts until the next one, and what lies below is filled. */
    STEPS
  }

  /**
   * A point.
   *
   * @param x where it is; finite
   * @param y its value; NaN where there is none: a line has a gap there
   * @param least one end of its bar; {@code y} for none
   * @param largest the other end
   * @param words show under the pointer; {@code ""} for its numbers
   */
  public record Point(double x, double y, double least, double largest, String words) {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if one is infinite or too large, or the ends of the bar are
     *     not on both sides of {@code y}
     */
    public Point {
      Required.present("words", words);
      requireNumber("x", x);
      if (!Double.isNaN(y)) {
        requireNumber("y", y);
        requireNumber("least", least);
        requireNumber("largest", largest);
        if (least > y || largest < y) {
          throw new IllegalArgumentException(
              "least is " + least + " and largest " + largest + "; needed " + y + " in between");
        }
      }
    }

    private static void requireNumber(String name, double value) {
      if (!(Math.abs(value) <= Axis.MOST_VALUE)) {
        throw new IllegalArgumentException(
            "a point's " + name + " is " + value + "; needed at most 10^300 in size");
      }
    }

    /** A point without a bar. */
    public static Point of(double x, double y) {
      return new Point(x, y, y, y, "");
    }

    boolean isThere() {
      return !Double.isNaN(y);
    }

    boolean hasBar() {
      return least < largest;
    }
  }

  /**
   * Copies the list and checks the rest.
   *
   * @throws IllegalArgumentException if something is missing or {@code dash} is negative
   */
  public Series {
    Required.present("name", name);
    points = List.copyOf(Required.present("points", points));
    Required.present("kind", kind);
    Required.present("ink", ink);
    Required.present("marker", marker);
    if (dash < 0) {
      throw new IllegalArgumentException("dash is " + dash + "; needed at least 0");
    }
  }

  /** A line without marks, of the look with this number from 0. */
  public static Series line(String name, int look, List<Point> points) {
    return new Series(name, points, Kind.LINE, Ink.series(look), Marker.NONE, look);
  }

  /** A line with a mark at each point. */
  public static Series marked(String name, int look, List<Point> points) {
    return new Series(name, points, Kind.LINE, Ink.series(look), Marker.series(look), look);
  }

  /** Marks without a line. */
  public static Series points(String name, int look, List<Point> points) {
    return new Series(name, points, Kind.POINTS, Ink.series(look), Marker.series(look), 0);
  }

  /** Values that each last until the next. */
  public static Series steps(String name, int look, List<Point> points) {
    return new Series(name, points, Kind.STEPS, Ink.series(look), Marker.NONE, look);
  }

  /** Points at 0, 1, 2, … with these values. */
  public static List<Point> values(double... values) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      points.add(Point.of(i, values[i]));
    }
    return points;
  }

  SvgElement dashed(SvgElement line) {
    String pattern = DASHES.get(dash % DASHES.size());
    return pattern.isEmpty() ? line : line.with("stroke-dasharray", pattern);
  }

  List<Point> present() {
    return points.stream().filter(Point::isThere).toList();
  }
}
