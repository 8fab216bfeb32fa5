package dev.sequor.backend.java;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products in float32, for one thread: each thread has its own instance, with its scratch.
 *
 * <p>Each element of {@code C} is summed in the same order, whatever part of the product a call
 * computes: the result does not depend on how work is shared among threads.
 */
abstract class Product {
  /** Columns of {@code C} in a block. */
  static final int WIDTH = 512;

  /** Rows of {@code C} in a block: they stay in L2, and the packing of {@code B} is paid once. */
  static final int HEIGHT = 96;

  /**
   * Terms of a sum that are added up before they join the total: keeps the rounding error of sums
   * over thousands of rows (weight gradients) near that of short ones.
   */
  static final int RUN = 512;

  private final float[][] c = new float[HEIGHT][WIDTH];
  private final float[] sum = new float[WIDTH];

  /**
   * {@code C = A B + bias}, or {@code C += A B}, for rows {@code [fromRow, toRow)} and columns
   * {@code [fromColumn, toColumn)} of {@code C}. {@code B} and {@code C} must have column stride 1.
   *
   * @param depth columns of {@code A} and rows of {@code B}
   * @param bias first element {@code biasAt}, one for each column of {@code C}; null for zeros
   * @param add whether to add to {@code C}
   */
  final void multiply(
      Matrix aMatrix,
      Matrix bMatrix,
      Matrix cMatrix,
      int depth,
      int fromRow,
      int toRow,
      int fromColumn,
      int toColumn,
      float @Nullable [] bias,
      int biasAt,
      boolean add) {
    for (int row = fromRow; row < toRow; row += HEIGHT) {
      int height = Math.min(HEIGHT, toRow - row);
      for (int column = fromColumn; column < toColumn; column += WIDTH) {
        int width = Math.min(WIDTH, toColumn - column);
        boolean addHere = add;
        int k = 0;
        do {
          int end = Math.min(depth, k + RUN);
          for (int i = 0; i < height; i++) {
            if (bias == null || k > 0) {
              Arrays.fill(c[i], 0, width, 0f);
            } else {
              System.arraycopy(bias, biasAt + column, c[i], 0, width);
            }
          }
          accumulateRun(aMatrix, row, k, end, bMatrix, column, width, c, height);
          k = end;
          for (int i = 0; i < height; i++) {
            int at = cMatrix.row(row + i) + column;
            if (addHere) {
              System.arraycopy(cMatrix.data(), at, sum, 0, width);
              add(sum, c[i], width);
              System.arraycopy(sum, 0, cMatrix.data(), at, width);
            } else {
              System.arraycopy(c[i], 0, cMatrix.data(), at, width);
            }
          }
          addHere = true;
        } while (k < depth);
      }
    }
  }

  private static void add(float[] sum, float[] x, int n) {
    for (int j = 0; j < n; j++) {
      sum[j] += x[j];
    }
  }

  /**
   * {@code c[i][j] += Σ A[row + i, k] B[k, column + j]} for {@code i < height <= HEIGHT}, {@code j
   * < width <= WIDTH} and {@code from <= k < to <= from + RUN}.
   */
  abstract void accumulateRun(
      Matrix aMatrix,
      int row,
      int from,
      int to,
      Matrix bMatrix,
      int column,
      int width,
      float[][] c,
      int height);

  /** An empty matrix {@code B [depth,width]} for {@link #accumulate}, of any instance. */
  abstract PackedRows packed(int depth, int width);

  /**
   * {@code c[i] += Σ A[row + i, k] b[k]} for all of {@code b} and {@code i < height <= HEIGHT}.
   *
   * @param c rows as wide as those of {@code b}
   */
  abstract void accumulate(Matrix aMatrix, int row, float[][] c, int height, PackedRows b);
}
