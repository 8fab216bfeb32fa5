package dev.sequor.backend.java;

import org.jspecify.annotations.Nullable;

/**
 * A view of a matrix inside an array: element {@code (i, j)} is {@code data[offset + row(i) ·
 * rowStride + j · columnStride]}, where {@code row(i)} is {@code i}, or {@code rows[i]} if there is
 * a row index.
 */
@SuppressWarnings("ArrayRecordComponent") // A view: never compared, and meant to share the array.
record Matrix(float[] data, int offset, int rowStride, int columnStride, int @Nullable [] rows) {

  /** A row-major matrix of {@code columns} columns. */
  static Matrix of(float[] data, int offset, int columns) {
    return new Matrix(data, offset, columns, 1, null);
  }

  /** The same, with rows picked by {@code rows}. */
  static Matrix of(float[] data, int offset, int columns, int[] rows) {
    return new Matrix(data, offset, columns, 1, rows);
  }

  /** Where row {@code i} starts. */
  int row(int i) {
    return offset + (rows == null ? i : rows[i]) * rowStride;
  }

  /** The transpose; there must be no row index. */
  Matrix transposed() {
    assert rows == null;
    return new Matrix(data, offset, columnStride, rowStride, null);
  }
}
