package dev.sequor.backend.java;

import java.util.Arrays;

/**
 * Products by plain loops.
 *
 * <p>The inner loop adds four rows of {@code B}, each times a number, to a row of {@code C}. This
 * is the largest body that C2 (JDK 17 and 25) still vectorises: with more rows, with two rows of
 * {@code C}, or with rows that are parts of one array at different offsets, it gives up and the
 * loop is five times slower. So every row of {@code B} and {@code C} is packed into an array of its
 * own.
 */
final class LoopProduct extends Product {
  /** Rows of {@code B} in a block: with {@link #WIDTH} columns they fill half of a 32 KiB L1. */
  private static final int DEPTH = 16;

  private final float[][] b = new float[DEPTH][WIDTH];
  private final float[] a = new float[HEIGHT * DEPTH];

  /** One array a row; zeros up to a whole number of fours. */
  private static final class Rows implements PackedRows {
    final float[][] rows;
    private final int depth;
    private final int width;

    Rows(int depth, int width) {
      this.rows = new float[padded(depth)][width];
      this.depth = depth;
      this.width = width;
    }

    @Override
    public void setColumn(int column, float[] source, int at) {
      for (int row = 0; row < depth; row++) {
        rows[row][column] = source[at + row];
      }
    }

    @Override
    public void setRow(int row, float[] source, int at) {
      System.arraycopy(source, at, rows[row], 0, width);
    }
  }

  @Override
  PackedRows packed(int depth, int width) {
    return new Rows(depth, width);
  }

  @Override
  void accumulate(Matrix aMatrix, int row, float[][] c, int height, PackedRows b) {
    Rows packed = (Rows) b;
    float[][] rows = packed.rows;
    accumulate(aMatrix, row, 0, packed.depth, c, height, rows, rows.length, packed.width);
  }

  @Override
  void accumulateRun(
      Matrix aMatrix,
      int row,
      int from,
      int to,
      Matrix bMatrix,
      int column,
      int width,
      float[][] c,
      int height) {
    for (int k = from; k < to; k += DEPTH) {
      int padded = packRows(bMatrix, k, Math.min(DEPTH, to - k), column, width);
      accumulate(aMatrix, row, k, to, c, height, b, padded, width);
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

  /** {@code depth} rounded up to whole fours. */
  private static int padded(int depth) {
    return (depth + 3) & ~3;
  }

  /**
   * {@code c[i] += Σ A[row + i, k + l] b[l]} for {@code i < height <= HEIGHT} and {@code l <
   * padded}; {@code A} counts as zero from column {@code depth} on.
   */
  private void accumulate(
      Matrix aMatrix,
      int row,
      int k,
      int depth,
      float[][] c,
      int height,
      float[][] b,
      int padded,
      int width) {
    for (int block = 0; block < padded; block += DEPTH) {
      int size = Math.min(DEPTH, padded - block);
      packFactors(aMatrix, row, k + block, depth, height, size);
      if (width <= WIDTH) {
        // The block of B is in L1: take a row of C through all of it.
        for (int i = 0; i < height; i++) {
          for (int l = 0; l < size; l += 4) {
            addFour(c[i], b, block + l, width, i * DEPTH + l);
          }
        }
      } else {
        for (int l = 0; l < size; l += 4) {
          for (int i = 0; i < height; i++) {
            addFour(c[i], b, block + l, width, i * DEPTH + l);
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
