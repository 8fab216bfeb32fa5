package dev.sequor.exchange.onnx;

import dev.sequor.exchange.TensorLayout.Kind;
import org.jspecify.annotations.Nullable;

/**
 * A factor of the size of a dimension: all sequences, all steps of a time axis, or so many columns.
 * Dimensions are lists of these, so that transposing, squeezing and reshaping move nothing.
 */
final class Atom {
  final Kind kind;

  /** 0 for a size that is not fixed. */
  final int size;

  /** Of steps: the input that they are of, or the node that made them. */
  final String axis;

  /** The dimension of an input that this is; null if it came about elsewhere. */
  final @Nullable Origin origin;

  /**
   * A dimension of an input of the graph.
   *
   * @param input its name
   * @param dimension from 0
   */
  record Origin(String input, int dimension) {}

  Atom(Kind kind, int size, String axis, @Nullable Origin origin) {
    this.kind = kind;
    this.size = size;
    this.axis = axis;
    this.origin = origin;
  }

  static Atom columns(int size) {
    return new Atom(Kind.COLUMNS, size, "", null);
  }

  boolean isColumns() {
    return kind == Kind.COLUMNS;
  }

  /** Whether two parts at the same place of two tensors run along each other. */
  boolean isAlong(Atom other) {
    return kind == other.kind
        && switch (kind) {
          case BATCH -> true;
          case STEPS -> axis.equals(other.axis);
          case COLUMNS -> size == other.size;
        };
  }

  Size asSize() {
    if (size > 0) {
      return Size.of(size);
    }
    return Size.unknown(kind == Kind.BATCH ? Translation.BATCH : "steps of " + axis);
  }

  @Override
  public String toString() {
    return size > 0 ? String.valueOf(size) : kind == Kind.BATCH ? "batch" : "steps";
  }
}
