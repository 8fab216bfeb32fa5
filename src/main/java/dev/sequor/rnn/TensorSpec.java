package dev.sequor.rnn;

import java.util.List;

/**
 * A trainable tensor that something declares.
 *
 * @param name within what declares it, for example {@code bias}
 * @param shape its sizes, last axis contiguous
 * @param initialization its first values
 */
public record TensorSpec(String name, List<Integer> shape, Initialization initialization) {
  /** Copies the shape. */
  public TensorSpec {
    shape = List.copyOf(shape);
  }

  /** The product of the sizes. */
  public long elements() {
    return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
  }
}
