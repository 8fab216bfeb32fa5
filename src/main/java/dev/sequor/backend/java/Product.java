package dev.sequor.backend.java;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products in float32, for one thread: each thread has its own instance, with its scratch.
 *
 * <p>The inner loop adds four rows of {@code B}, each times a number, to a row of {@code C}. This
 * is the largest body that C2 (JDK 17 and 25) still vectorises: with more rows, with two rows of
 * {@code C}, or with rows that are parts of one array at different offsets, it gives up and the
 * loop is five times slower. So every row of {@code B} and {@code C} is packed into an array of its
 * own.
 *
 * <p>Each element of {@code C} is summed in the same order, whatever part of the product a call
 * computes: the result does not depend on how work is shared among threads.
 */
final class Product {
  /** Rows of {@code B} in a block: with {@link #WIDTH} columns they fill half of a 32 KiB L1. */
  static final int DEPTH = 16;

  /** Columns of {@code C} in a block. */
  static final int WIDTH = 512;

  /** Rows of {@code C} in a block: they stay in L2, and the packing of {@code B} is paid once. */
  static final int HEIGHT = 96;

  /**
   * Terms of a sum that are added up before they join the total: keeps the rounding error of sums
   * over thousands of rows (weight gradients) near that of short ones. A multiple of {@link
   * #DEPTH}.
   */
  static final int RUN = 512;

  private final float[][] c = new float[HEIGHT][WIDTH];
  private final float[][] b = new float[DEPTH][WIDTH];
  private final float[] sum = new float[WIDTH];
  private final float[] a = new float[HEIGHT * DEPTH];

  /**
   * {@code C = A B + bias}, or {@code C += A B}, for rows {@code [fromRow, toRow)} and columns
   * {@code [fromColumn, toColumn)} of {@code C}. {@code B} and {@code C} must have column stride 1.
   *
   * @param depth columns of {@code A} and rows of {@code B}
   * @param bias first element {@code biasAt}, one for each column of {@code C}; null for zeros
   * @param add whether to add to {@code C}
   */
  void multiply(
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
          for (; k < end; k += DEPTH) {
            int padded = packRows(bMatrix, k, Math.min(DEPTH, depth - k), column, width);
            accumulate(aMatrix, row, k, depth, c, height, b, 0, padded, width);
          }
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

  private int packRows(Matrix matrix, int k, int depth, int column, int width) {
    for (int i = 0; i < depth; i++) {
      System.arraycopy(matrix.data(), matrix.row(k + i) + column, b[i], 0, width);
    }
    int padded = padded(depth);
    for (int i = depth; i < padded; i++) {
      Arrays.fill(b[i], 0, width, 0f);
    }
    return padded;
  }

  /** {@code depth} rounded up to what {@link #accumulate} takes. */
  static int padded(int depth) {
    return (depth + 3) & ~3;
  }

  /**
   * {@code c[i] += Σ A[row + i, k + l] b[from + l]} for {@code i < height <= HEIGHT} and {@code l <
   * padded}; {@code A} counts as zero from column {@code depth} on.
   */
  void accumulate(
      Matrix aMatrix,
      int row,
      int k,
      int depth,
      float[][] c,
      int height,
      float[][] b,
      int from,
      int padded,
      int width) {
    for (int block = 0; block < padded; block += DEPTH) {
      int size = Math.min(DEPTH, padded - block);
      packFactors(aMatrix, row, k + block, depth, height, size);
      int first = from + block;
      if (width <= WIDTH) {
        // The block of B is in L1: take a row of C through all of it.
        for (int i = 0; i < height; i++) {
          for (int l = 0; l < size; l += 4) {
            addFour(c[i], b, first + l, width, i * DEPTH + l);
          }
        }
      } else {
        for (int l = 0; l < size; l += 4) {
          for (int i = 0; i < height; i++) {
            addFour(c[i], b, first + l, width, i * DEPTH + l);
          }
        }
      }
    }
  }

  private void addFour(float[] c, float[][] b, int row, int width, int at) {
    addFour(
        c,
        b[row],
        b[row + 1],
        b[row + 2],
        b[row + 3],
        width,
        a[at],
        a[at + 1],
        a[at + 2],
        a[at + 3]);
  }

  private void packFactors(Matrix matrix, int row, int k, int depth, int height, int size) {
    float[] data = matrix.data();
    int stride = matrix.columnStride();
    int known = Math.min(size, depth - k);
    if (stride == 1) {
      for (int i = 0; i < height; i++) {
        System.arraycopy(data, matrix.row(row + i) + k, a, i * DEPTH, known);
      }
    } else {
      for (int l = 0; l < known; l++) {
        for (int i = 0; i < height; i++) {
          a[i * DEPTH + l] = data[matrix.row(row + i) + (k + l) * stride];
        }
      }
    }
    for (int l = known; l < size; l++) {
      for (int i = 0; i < height; i++) {
        a[i * DEPTH + l] = 0f;
      }
    }
  }

  private static void addFour(
      float[] c,
      float[] b0,
      float[] b1,
      float[] b2,
      float[] b3,
      int width,
      float a0,
      float a1,
      float a2,
      float a3) {
    for (int j = 0; j < width; j++) {
      c[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]);
    }
  }
}
