package dev.sequor.rnn;

import java.util.Arrays;

/** Random orthogonal matrices. */
final class Orthogonal {
  private Orthogonal() {}

  /** {@code count} matrices {@code [size,size]} below each other. */
  static float[] matrices(int count, int size, Draws draws) {
    float[] values = new float[Math.multiplyExact(Math.multiplyExact(count, size), size)];
    for (int number = 0; number < count; number++) {
      double[][] matrix = new double[size][size];
      for (double[] row : matrix) {
        for (int column = 0; column < size; column++) {
          row[column] = draws.normal();
        }
      }
      orthonormalizeColumns(matrix);
      for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++) {
          values[(number * size + row) * size + column] = (float) matrix[row][column];
        }
      }
    }
    return values;
  }

  /**
   * Modified Gram-Schmidt: {@code A = QR} with a positive diagonal of {@code R}, the choice of
   * signs that makes {@code Q} of a normal {@code A} uniform (Mezzadri 2007). Both inner loops run
   * along rows without a reduction, so that they vectorise.
   */
  private static void orthonormalizeColumns(double[][] matrix) {
    int size = matrix.length;
    double[] projections = new double[size];
    for (int k = 0; k < size; k++) {
      double squares = 0;
      for (double[] row : matrix) {
        squares += row[k] * row[k];
      }
      double scale = 1.0 / Math.sqrt(squares);
      Arrays.fill(projections, 0.0);
      for (double[] row : matrix) {
        double q = row[k] * scale;
        row[k] = q;
        for (int j = k + 1; j < size; j++) {
          projections[j] += q * row[j];
        }
      }
      for (double[] row : matrix) {
        double q = row[k];
        for (int j = k + 1; j < size; j++) {
          row[j] -= q * projections[j];
        }
      }
    }
  }
}
