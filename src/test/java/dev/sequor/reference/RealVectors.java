package dev.sequor.reference;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** Plain double precision. */
final class RealVectors implements Algebra<double[]> {
  @Override
  public double[] constant(double... values) {
    return values;
  }

  @Override
  public double[] slice(double[] a, int from, int count) {
    return Arrays.copyOfRange(a, from, from + count);
  }

  @Override
  public double[] concatenate(double[] a, double[] b) {
    double[] result = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, result, a.length, b.length);
    return result;
  }

  @Override
  public double[] product(double[] matrix, double[] x, int rows, int columns) {
    double[] result = new double[rows];
    for (int i = 0; i < rows; i++) {
      double sum = 0;
      for (int j = 0; j < columns; j++) {
        sum += matrix[i * columns + j] * x[j];
      }
      result[i] = sum;
    }
    return result;
  }

  @Override
  public double[] add(double[] a, double[] b) {
    return map(a, b, (p, q) -> p + q);
  }

  @Override
  public double[] subtract(double[] a, double[] b) {
    return map(a, b, (p, q) -> p - q);
  }

  @Override
  public double[] multiply(double[] a, double[] b) {
    return map(a, b, (p, q) -> p * q);
  }

  @Override
  public double[] sigmoid(double[] a) {
    return map(a, p -> 1 / (1 + Math.exp(-p)));
  }

  @Override
  public double[] tanh(double[] a) {
    return map(a, Math::tanh);
  }

  @Override
  public double[] relu(double[] a) {
    return map(a, p -> Math.max(0, p));
  }

  @Override
  public double[] oneMinus(double[] a) {
    return map(a, p -> 1 - p);
  }

  private static double[] map(double[] a, DoubleUnaryOperator f) {
    double[] result = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      result[i] = f.applyAsDouble(a[i]);
    }
    return result;
  }

  private static double[] map(double[] a, double[] b, DoubleBinaryOperator f) {
    requireSameLength(a.length, b.length);
    double[] result = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      result[i] = f.applyAsDouble(a[i], b[i]);
    }
    return result;
  }

  /** Guards against a slip in a cell: vectors of unequal length have no element-wise result. */
  static void requireSameLength(int a, int b) {
    if (a != b) {
      throw new IllegalArgumentException("vectors of " + a + " and " + b + " elements");
    }
  }
}
