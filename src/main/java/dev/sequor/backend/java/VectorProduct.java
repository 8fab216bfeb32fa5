package dev.sequor.backend.java;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products by the Vector API, with tiles of {@code C} in registers: four rows of four vectors where
 * there are 32 registers, of two where there are 16. For each number of a row of {@code A} a tile
 * needs one load of four vectors of {@code B}, and multiplies and adds sixteen times.
 *
 * <p>{@code B} is packed in panels as wide as a tile. Every tile adds up the terms of an element
 * one by one, so that results do not depend on which rows come together. Only {@link Products}
 * names this class, where the module is there.
 */
final class VectorProduct extends Product {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  /** AVX2 and SSE have 16 registers; AVX-512 and NEON have 32. */
  private static final boolean WIDE =
      LANES == 16 || System.getProperty("os.arch", "").equals("aarch64");

  private static final int PANEL = (WIDE ? 4 : 2) * LANES;
  private static final int TILE_ROWS = 4;

  /** Rows of a panel that fill two thirds of a 48 KiB L1. */
  private static final int BLOCK = 8192 / PANEL;

  /** Rows and columns that are transposed at once: each row's cache line is filled meanwhile. */
  private static final int TRANSPOSED_ROWS = 16;

  private final Panels run = new Panels(RUN, WIDTH);
  private final float[] a = new float[HEIGHT * RUN];
  private final int[] rowAt = new int[HEIGHT];
  private final float[][] edge = new float[TILE_ROWS][PANEL];

  /** Called by name. */
  VectorProduct() {}

  /** The bits of a vector. */
  static int bits() {
    return LANES * Float.SIZE;
  }

  /** {@code [ceil(width / PANEL)][depth][PANEL]}, zeros beyond the width. */
  private static final class Panels implements PackedRows {
    final float[] data;
    private int depth;
    private int width;

    Panels(int depth, int width) {
      this.data =
          new float[JavaMemory.arrayLength("packed weights", (long) panels(width) * depth * PANEL)];
      reshape(depth, width);
    }

    private static int panels(int width) {
      return (width + PANEL - 1) / PANEL;
    }

    /** No larger than it was made. */
    void reshape(int depth, int width) {
      this.depth = depth;
      this.width = width;
    }

    int panelAt(int column) {
      return column / PANEL * depth * PANEL;
    }

    @Override
    public void setColumn(int column, float[] source, int at) {
      int to = panelAt(column) + column % PANEL;
      for (int row = 0; row < depth; row++) {
        data[to + row * PANEL] = source[at + row];
      }
    }

    @Override
    public void setRow(int row, float[] source, int at) {
      for (int column = 0; column < width; column += PANEL) {
        int to = panelAt(column) + row * PANEL;
        int count = Math.min(PANEL, width - column);
        System.arraycopy(source, at + column, data, to, count);
        Arrays.fill(data, to + count, to + PANEL, 0f);
      }
    }
  }

  @Override
  PackedRows packed(int depth, int width) {
    return new Panels(depth, width);
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
    run.reshape(to - from, width);
    for (int k = from; k < to; k++) {
      run.setRow(k - from, bMatrix.data(), bMatrix.row(k) + column);
    }
    accumulate(aMatrix, row, from, c, height, run);
  }

  @Override
  void accumulate(Matrix aMatrix, int row, float[][] c, int height, PackedRows b) {
    accumulate(aMatrix, row, 0, c, height, (Panels) b);
  }

  private void accumulate(Matrix aMatrix, int row, int k, float[][] c, int height, Panels b) {
    if (aMatrix.columnStride() == 1) {
      for (int i = 0; i < height; i++) {
        rowAt[i] = aMatrix.row(row + i) + k;
      }
      accumulate(aMatrix.data(), c, height, b);
    } else {
      transpose(aMatrix, row, k, height, b.depth);
      for (int i = 0; i < height; i++) {
        rowAt[i] = i * RUN;
      }
      accumulate(a, c, height, b);
    }
  }

  /**
   * Rows {@code [row, row + height)} and columns {@code [k, k + depth)} into rows of {@link #a}.
   */
  private void transpose(Matrix matrix, int row, int k, int height, int depth) {
    float[] data = matrix.data();
    for (int first = 0; first < height; first += TRANSPOSED_ROWS) {
      int end = Math.min(height, first + TRANSPOSED_ROWS);
      for (int l = 0; l < depth; l++) {
        int from = (k + l) * matrix.columnStride();
        for (int i = first; i < end; i++) {
          a[i * RUN + l] = data[matrix.row(row + i) + from];
        }
      }
    }
  }

  /** Of the rows of {@code A} that begin at {@link #rowAt}. */
  private void accumulate(float[] a, float[][] c, int height, Panels b) {
    int width = b.width;
    int depth = b.depth;
    for (int column = 0; column < width; column += PANEL) {
      int count = Math.min(PANEL, width - column);
      for (int k = 0; k < depth; k += BLOCK) {
        block(a, c, height, b, column, count, k, Math.min(BLOCK, depth - k));
      }
    }
  }

  /** Rows {@code [k, k + size)} of a panel: they stay in L1 while all of {@code A} goes past. */
  private void block(
      float[] a, float[][] c, int height, Panels b, int column, int count, int k, int size) {
    int from = b.panelAt(column) + k * PANEL;
    int i = 0;
    for (; i + TILE_ROWS <= height; i += TILE_ROWS) {
      if (count == PANEL) {
        four(a, i, k, size, b.data, from, c[i], c[i + 1], c[i + 2], c[i + 3], column);
      } else {
        for (int l = 0; l < TILE_ROWS; l++) {
          System.arraycopy(c[i + l], column, edge[l], 0, count);
        }
        four(a, i, k, size, b.data, from, edge[0], edge[1], edge[2], edge[3], 0);
        for (int l = 0; l < TILE_ROWS; l++) {
          System.arraycopy(edge[l], 0, c[i + l], column, count);
        }
      }
    }
    for (; i < height; i++) {
      if (count == PANEL) {
        one(a, rowAt[i] + k, size, b.data, from, c[i], column);
      } else {
        System.arraycopy(c[i], column, edge[0], 0, count);
        one(a, rowAt[i] + k, size, b.data, from, edge[0], 0);
        System.arraycopy(edge[0], 0, c[i], column, count);
      }
    }
  }

  private void four(
      float[] a,
      int i,
      int k,
      int size,
      float[] b,
      int from,
      float[] c0,
      float[] c1,
      float[] c2,
      float[] c3,
      int to) {
    int a0 = rowAt[i] + k;
    int a1 = rowAt[i + 1] + k;
    int a2 = rowAt[i + 2] + k;
    int a3 = rowAt[i + 3] + k;
    if (WIDE) {
      fourByFour(a, a0, a1, a2, a3, size, b, from, c0, c1, c2, c3, to);
    } else {
      fourByTwo(a, a0, a1, a2, a3, size, b, from, c0, c1, c2, c3, to);
    }
  }

  private static void one(float[] a, int a0, int size, float[] b, int from, float[] c, int to) {
    if (WIDE) {
      oneByFour(a, a0, size, b, from, c, to);
    } else {
      oneByTwo(a, a0, size, b, from, c, to);
    }
  }

  private static FloatVector load(float[] from, int at) {
    return FloatVector.fromArray(SPECIES, from, at);
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  // The tiles: an array of vectors would live in memory, so each is a variable.

  private static void fourByFour(
      float[] a,
      int a0,
      int a1,
      int a2,
      int a3,
      int depth,
      float[] b,
      int from,
      float[] c0,
      float[] c1,
      float[] c2,
      float[] c3,
      int to) {
    FloatVector c00 = load(c0, to);
    FloatVector c01 = load(c0, to + LANES);
    FloatVector c02 = load(c0, to + 2 * LANES);
    FloatVector c03 = load(c0, to + 3 * LANES);
    FloatVector c10 = load(c1, to);
    FloatVector c11 = load(c1, to + LANES);
    FloatVector c12 = load(c1, to + 2 * LANES);
    FloatVector c13 = load(c1, to + 3 * LANES);
    FloatVector c20 = load(c2, to);
    FloatVector c21 = load(c2, to + LANES);
    FloatVector c22 = load(c2, to + 2 * LANES);
    FloatVector c23 = load(c2, to + 3 * LANES);
    FloatVector c30 = load(c3, to);
    FloatVector c31 = load(c3, to + LANES);
    FloatVector c32 = load(c3, to + 2 * LANES);
    FloatVector c33 = load(c3, to + 3 * LANES);
    int at = from;
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, at);
      FloatVector b1 = load(b, at + LANES);
      FloatVector b2 = load(b, at + 2 * LANES);
      FloatVector b3 = load(b, at + 3 * LANES);
      at += 4 * LANES;
      FloatVector x = all(a[a0 + k]);
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      c02 = x.fma(b2, c02);
      c03 = x.fma(b3, c03);
      x = all(a[a1 + k]);
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      c12 = x.fma(b2, c12);
      c13 = x.fma(b3, c13);
      x = all(a[a2 + k]);
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      c22 = x.fma(b2, c22);
      c23 = x.fma(b3, c23);
      x = all(a[a3 + k]);
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      c32 = x.fma(b2, c32);
      c33 = x.fma(b3, c33);
    }
    c00.intoArray(c0, to);
    c01.intoArray(c0, to + LANES);
    c02.intoArray(c0, to + 2 * LANES);
    c03.intoArray(c0, to + 3 * LANES);
    c10.intoArray(c1, to);
    c11.intoArray(c1, to + LANES);
    c12.intoArray(c1, to + 2 * LANES);
    c13.intoArray(c1, to + 3 * LANES);
    c20.intoArray(c2, to);
    c21.intoArray(c2, to + LANES);
    c22.intoArray(c2, to + 2 * LANES);
    c23.intoArray(c2, to + 3 * LANES);
    c30.intoArray(c3, to);
    c31.intoArray(c3, to + LANES);
    c32.intoArray(c3, to + 2 * LANES);
    c33.intoArray(c3, to + 3 * LANES);
  }

  private static void fourByTwo(
      float[] a,
      int a0,
      int a1,
      int a2,
      int a3,
      int depth,
      float[] b,
      int from,
      float[] c0,
      float[] c1,
      float[] c2,
      float[] c3,
      int to) {
    FloatVector c00 = load(c0, to);
    FloatVector c01 = load(c0, to + LANES);
    FloatVector c10 = load(c1, to);
    FloatVector c11 = load(c1, to + LANES);
    FloatVector c20 = load(c2, to);
    FloatVector c21 = load(c2, to + LANES);
    FloatVector c30 = load(c3, to);
    FloatVector c31 = load(c3, to + LANES);
    int at = from;
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, at);
      FloatVector b1 = load(b, at + LANES);
      at += 2 * LANES;
      FloatVector x = all(a[a0 + k]);
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = all(a[a1 + k]);
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = all(a[a2 + k]);
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = all(a[a3 + k]);
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
    }
    c00.intoArray(c0, to);
    c01.intoArray(c0, to + LANES);
    c10.intoArray(c1, to);
    c11.intoArray(c1, to + LANES);
    c20.intoArray(c2, to);
    c21.intoArray(c2, to + LANES);
    c30.intoArray(c3, to);
    c31.intoArray(c3, to + LANES);
  }

  private static void oneByFour(
      float[] a, int a0, int depth, float[] b, int from, float[] c, int to) {
    FloatVector c0 = load(c, to);
    FloatVector c1 = load(c, to + LANES);
    FloatVector c2 = load(c, to + 2 * LANES);
    FloatVector c3 = load(c, to + 3 * LANES);
    int at = from;
    for (int k = 0; k < depth; k++) {
      FloatVector x = all(a[a0 + k]);
      c0 = x.fma(load(b, at), c0);
      c1 = x.fma(load(b, at + LANES), c1);
      c2 = x.fma(load(b, at + 2 * LANES), c2);
      c3 = x.fma(load(b, at + 3 * LANES), c3);
      at += 4 * LANES;
    }
    c0.intoArray(c, to);
    c1.intoArray(c, to + LANES);
    c2.intoArray(c, to + 2 * LANES);
    c3.intoArray(c, to + 3 * LANES);
  }

  private static void oneByTwo(
      float[] a, int a0, int depth, float[] b, int from, float[] c, int to) {
    FloatVector c0 = load(c, to);
    FloatVector c1 = load(c, to + LANES);
    int at = from;
    for (int k = 0; k < depth; k++) {
      FloatVector x = all(a[a0 + k]);
      c0 = x.fma(load(b, at), c0);
      c1 = x.fma(load(b, at + LANES), c1);
      at += 2 * LANES;
    }
    c0.intoArray(c, to);
    c1.intoArray(c, to + LANES);
  }
}
