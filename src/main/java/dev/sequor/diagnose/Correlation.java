package dev.sequor.diagnose;

import dev.sequor.backend.Required;
import java.util.Arrays;

/** How two series go together. */
public final class Correlation {
  private Correlation() {}

  /**
   * Pearson's coefficient, {@code Σ (a−ā)(b−b̄) / √(Σ (a−ā)² · Σ (b−b̄)²)}; with a series of zeros
   * and ones that is the point-biserial one. 0 if one of them never changes.
   *
   * @throws IllegalArgumentException if they are not as long as each other, or empty
   */
  public static double of(double[] a, double[] b) {
    if (Required.present("a", a).length != Required.present("b", b).length || a.length == 0) {
      throw new IllegalArgumentException(
          "a holds "
              + a.length
              + " numbers and b "
              + b.length
              + "; needed as many, at least 1 of each");
    }
    double[] ofA = standardised(a);
    double[] ofB = standardised(b);
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += ofA[i] * ofB[i];
    }
    return Math.max(-1, Math.min(1, sum));
  }

  /** With a mean of 0 and a norm of 1; zeros if the series never changes. */
  static double[] standardised(double[] series) {
    double first = series[0];
    if (Arrays.stream(series).allMatch(value -> value == first)) {
      return new double[series.length];
    }
    double mean = Arrays.stream(series).sum() / series.length;
    double[] centred = Arrays.stream(series).map(value -> value - mean).toArray();
    double norm = Math.sqrt(Arrays.stream(centred).map(value -> value * value).sum());
    return Arrays.stream(centred).map(value -> value / norm).toArray();
  }
}
