package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * A block of columns of one matrix into a block of columns of another: {@code target[r,
 * targetColumn + j] (+)= factor · source[r, sourceColumn + j]} for {@code r < rows}, {@code j <
 * width}.
 *
 * @param rows of both
 * @param width columns copied
 * @param sourceColumn the first of them in the source
 * @param sourceStride columns of the source
 * @param targetColumn the first of them in the target
 * @param targetStride columns of the target
 * @param factor usually 1
 * @param add whether to add to the target or to overwrite it
 */
public record ColumnCopy(
    int rows,
    int width,
    int sourceColumn,
    int sourceStride,
    int targetColumn,
    int targetStride,
    float factor,
    boolean add) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public ColumnCopy {
    atLeastOne("rows", rows);
    atLeastOne("width", width);
    inside("source", sourceColumn, width, sourceStride);
    inside("target", targetColumn, width, targetStride);
    if (!Float.isFinite(factor)) {
      throw new IllegalArgumentException("factor is " + factor + "; needed a finite number");
    }
    Sizes.elements("source", rows, sourceStride);
    Sizes.elements("target", rows, targetStride);
  }

  private static void inside(String name, int column, int width, int stride) {
    if (column < 0 || stride < 1 || column > stride - width) {
      throw new IllegalArgumentException(
          "columns "
              + column
              + " to "
              + ((long) column + width)
              + " of the "
              + name
              + " were asked for; it has "
              + stride);
    }
  }

  /** All of a matrix {@code [rows,width]} to one of the same shape. */
  public static ColumnCopy whole(int rows, int width, float factor, boolean add) {
    return new ColumnCopy(rows, width, 0, width, 0, width, factor, add);
  }

  long sourceElements() {
    return (long) rows * sourceStride;
  }

  long targetElements() {
    return (long) rows * targetStride;
  }

  @Override
  public String toString() {
    return "a copy of " + width + " columns of " + rows + " rows";
  }
}
