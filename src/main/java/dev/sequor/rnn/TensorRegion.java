package dev.sequor.rnn;

import java.util.List;

/**
 * A named tensor inside a flat buffer, row-major.
 *
 * @param name for example {@code layers.0.forward.input_weights}
 * @param offset its first element
 * @param shape its sizes, last axis contiguous
 */
public record TensorRegion(String name, long offset, List<Integer> shape) {
  /** Copies the shape. */
  public TensorRegion {
    shape = List.copyOf(shape);
  }

  /** The product of the sizes. */
  public long elements() {
    return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
  }
}
