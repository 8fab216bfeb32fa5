package dev.sequor.benchmarks.gpu;

import java.util.Map;

/**
 * How far results are from those they should be.
 *
 * @param lInfinity the largest difference over the largest magnitude that is right
 * @param l2 the norm of the difference over the norm of what is right
 */
record Distance(double lInfinity, double l2) {
  static final Distance NONE = new Distance(0, 0);

  static Distance of(float[] expected, float[] actual) {
    if (expected.length != actual.length) {
      throw new IllegalArgumentException(
          actual.length + " numbers are compared with " + expected.length);
    }
    double largest = 0;
    double largestDifference = 0;
    double squares = 0;
    double differenceSquares = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = Math.abs((double) actual[i] - expected[i]);
      if (!(difference <= Double.MAX_VALUE)) {
        return new Distance(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
      }
      largest = Math.max(largest, Math.abs(expected[i]));
      largestDifference = Math.max(largestDifference, difference);
      squares += (double) expected[i] * expected[i];
      differenceSquares += difference * difference;
    }
    return new Distance(
        ratio(largestDifference, largest), ratio(Math.sqrt(differenceSquares), Math.sqrt(squares)));
  }

  private static double ratio(double difference, double whole) {
    return difference == 0 ? 0 : difference / whole;
  }

  /** The worst of all tensors of these names. */
  static Distance worst(Map<String, float[]> expected, Map<String, float[]> actual) {
    Distance worst = NONE;
    for (Map.Entry<String, float[]> tensor : expected.entrySet()) {
      worst = worst.or(of(tensor.getValue(), actual.get(tensor.getKey())));
    }
    return worst;
  }

  /** The larger of each. */
  Distance or(Distance other) {
    return new Distance(Math.max(lInfinity, other.lInfinity), Math.max(l2, other.l2));
  }

  /** The largest {@link #l2} that rounding explains, over some hundred steps. */
  static double bar(String mode) {
    return switch (mode) {
      case "fp32" -> 1e-4;
      case "bf16" -> 5e-2;
      default -> 1e-2; // 10 bits of mantissa
    };
  }
}
