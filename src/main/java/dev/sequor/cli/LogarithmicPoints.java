package dev.sequor.cli;

import dev.sequor.picture.Series;
import java.util.ArrayList;
import java.util.List;

/** Points for a logarithmic axis, on which some values have no place. */
final class LogarithmicPoints {
  private static final double LARGEST = 1e300;

  private LogarithmicPoints() {}

  /** Values at 1, 2, 3, …; none where they are not above 0, or not finite. */
  static List<Series.Point> of(List<Double> values) {
    List<Series.Point> points = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      double value = values.get(i);
      points.add(Series.Point.of(i + 1, value > 0 && value < LARGEST ? value : Double.NaN));
    }
    return points;
  }
}
