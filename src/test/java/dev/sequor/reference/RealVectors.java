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

  @Override
  public double[] exp(double[] a) {
    return map(a, Math::exp);
  }

  @Override
  public double[] log(double[] a) {
    return map(a, Math::log);
  }

  @Override
  public double[] reciprocal(double[] a) {
    return map(a, p -> 1 / p);
  }

  @Override
  public double[] squareRoot(double[] a) {
    return map(a, Math::sqrt);
  }

  @Override
  public double[] sum(double[] a) {
    return new double[] {Arrays.stream(a).sum()};
  }

  @Override
  public double[] spread(double[] a, int n) {
    double[] result = new double[n];
    Arrays.fill(result, a[0]);
    return result;
  }

  @Override
  public double[] choose(double[] test, double threshold, double[] above, double[] below) {
    double[] result = new double[test.length];
    Arrays.setAll(result, i -> test[i] > threshold ? above[i] : below[i]);
    return result;
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
