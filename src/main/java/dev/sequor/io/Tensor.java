package dev.sequor.io;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A tensor to be written to a file.
 *
 * @param name unique in its file
 * @param type the element type
 * @param shape its sizes, the last axis contiguous; empty for a scalar
 * @param data the elements, little-endian, from position to limit
 */
public record Tensor(String name, TensorType type, List<Long> shape, ByteBuffer data) {

  /**
   * Checks that {@code data} fits the shape.
   *
   * @throws IllegalArgumentException if it does not
   */
  public Tensor {
    shape = List.copyOf(shape);
    BigInteger bytes = BigInteger.valueOf(type.bytes());
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException(
            "tensor '" + name + "' has shape " + shape + "; needed sizes of at least 0");
      }
      bytes = bytes.multiply(BigInteger.valueOf(size));
    }
    if (!bytes.equals(BigInteger.valueOf(data.remaining()))) {
      throw new IllegalArgumentException(
          "tensor '"
              + name
              + "' has "
              + data.remaining()
              + " bytes; "
              + type
              + " "
              + shape
              + " needs "
              + bytes);
    }
  }

  /** A copy of {@code values} as F32. */
  public static Tensor ofFloats(String name, float[] values, long... shape) {
    ByteBuffer data =
        ByteBuffer.allocate(Math.multiplyExact(values.length, 4)).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    List<Long> sizes = new ArrayList<>();
    for (long size : shape) {
      sizes.add(size);
    }
    return new Tensor(name, TensorType.F32, sizes, data);
  }

  /** A copy of {@code values} as I64. */
  public static Tensor ofIntegers(String name, long[] values, List<Long> shape) {
    ByteBuffer data =
        ByteBuffer.allocate(Math.multiplyExact(values.length, 8)).order(ByteOrder.LITTLE_ENDIAN);
    data.asLongBuffer().put(values);
    return new Tensor(name, TensorType.I64, shape, data);
  }
}
