package dev.sequor.module;

import dev.sequor.backend.Required;
import java.math.BigInteger;
import java.util.List;

/**
 * A tensor in host memory under the name it has in a checkpoint.
 *
 * @param name for example {@code output.bias}
 * @param shape its sizes, last axis contiguous
 * @param values as many as the product of the sizes, row-major
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
public record NamedTensor(String name, List<Integer> shape, float[] values) {
  /**
   * Checks that the values fill the shape.
   *
   * @throws IllegalArgumentException if not
   */
  public NamedTensor {
    Required.present("name", name);
    Required.present("values", values);
    shape = Shapes.copy("shape", shape);
    BigInteger elements =
        shape.stream()
            .map(size -> BigInteger.valueOf(size))
            .reduce(BigInteger.ONE, BigInteger::multiply);
    if (!elements.equals(BigInteger.valueOf(values.length))) {
      throw new IllegalArgumentException(
          "tensor '"
              + name
              + "' holds "
              + values.length
              + " floats; its shape "
              + shape
              + " needs "
              + elements);
    }
  }

  /**
   * Throws if the shape is another.
   *
   * @throws IllegalArgumentException if so
   */
  public void requireShape(List<Integer> needed) {
    if (!shape.equals(needed)) {
      throw new IllegalArgumentException(
          "tensor '" + name + "' has shape " + shape + "; the model needs " + needed);
    }
  }

  /**
   * Throws if a value is NaN or infinite.
   *
   * @throws IllegalArgumentException if so
   */
  public void requireFinite() {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "tensor '"
                + name
                + "' holds "
                + values[i]
                + " at element "
                + i
                + "; needed finite numbers");
      }
    }
  }

  /**
   * Throws if a value is less than 0.
   *
   * @throws IllegalArgumentException if so
   */
  public void requireNoNegative() {
    for (int i = 0; i < values.length; i++) {
      if (values[i] < 0) {
        throw new IllegalArgumentException(
            "tensor '"
                + name
                + "' holds "
                + values[i]
                + " at element "
                + i
                + "; needed numbers of at least 0");
      }
    }
  }
}
