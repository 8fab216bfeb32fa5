package dev.sequor.exchange.dl4j;

import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An array as {@code Nd4j.write} writes it, big-endian: two buffers, each the name of a way to
 * allocate, a length, the name of an element type, and the elements. The first has the rank, the
 * sizes and the strides; the second the numbers.
 *
 * @param shape its sizes
 * @param order {@code 'c'} if the last axis is contiguous, {@code 'f'} if the first is
 * @param values in that order
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
record Nd4jArray(List<Long> shape, char order, float[] values) {
  /** What ND4J allows. */
  private static final int MOST_AXES = 32;

  /** Besides sizes and strides: the rank, flags, the step between elements, the order. */
  private static final int SHAPE_EXTRAS = 4;

  /** Reads one array after the other. */
  private record Reader(Path path, String member, ByteBuffer bytes) {
    MalformedFileException malformed(String problem) {
      return new MalformedFileException(path, "its member '" + member + "' " + problem);
    }

    private String text() {
      int length = Short.toUnsignedInt(bytes.getShort());
      ByteBuffer text = bytes.slice(bytes.position(), Math.min(length, bytes.remaining()));
      bytes.position(bytes.position() + text.remaining());
      return StandardCharsets.UTF_8.decode(text).toString();
    }

    /** How many elements a buffer has, before the name of their type. */
    private long length() throws MalformedFileException {
      String mode = text();
      return switch (mode) {
        case "MIXED_DATA_TYPES", "LONG_SHAPE" -> bytes.getLong();
        case "DIRECT", "HEAP", "JAVACPP" -> bytes.getInt(); // before 1.0
        default -> throw malformed("has a buffer of '" + shortened(mode) + "'; needed ND4J's");
      };
    }

    private String shortened(String text) {
      return text.length() <= 40 ? text : text.substring(0, 40) + "…";
    }

    private void requireLength(String what, long length, int width) throws MalformedFileException {
      if (length < 0 || length > bytes.remaining() / width) {
        throw malformed(
            "has " + length + " " + what + " of " + width + " bytes in " + bytes.remaining());
      }
    }

    private long[] integers() throws MalformedFileException {
      long length = length();
      String type = text();
      int width =
          switch (type) {
            case "LONG" -> Long.BYTES;
            case "INT" -> Integer.BYTES;
            default -> throw malformed("has a shape of '" + shortened(type) + "'; needed LONG");
          };
      requireLength("numbers of a shape", length, width);
      if (length > 2 * MOST_AXES + SHAPE_EXTRAS) {
        throw malformed("has a shape of " + length + " numbers");
      }
      long[] integers = new long[(int) length];
      for (int i = 0; i < integers.length; i++) {
        integers[i] = width == Long.BYTES ? bytes.getLong() : bytes.getInt();
      }
      return integers;
    }

    private float[] reals() throws MalformedFileException {
      long length = length();
      String name = text();
      TensorType type =
          switch (name) {
            case "FLOAT" -> TensorType.F32;
            case "DOUBLE" -> TensorType.F64;
            case "HALF" -> TensorType.F16;
            case "BFLOAT16" -> TensorType.BF16;
            default ->
                throw malformed(
                    "holds elements of '" + shortened(name) + "'; needed FLOAT, DOUBLE or HALF");
          };
      requireLength("elements", length, type.bytes());
      float[] values = type.floats(bytes.slice(bytes.position(), (int) length * type.bytes()));
      bytes.position(bytes.position() + (int) length * type.bytes());
      return values;
    }

    Nd4jArray array() throws MalformedFileException {
      try {
        long[] info = integers();
        long rank = info.length == 0 ? -1 : info[0];
        if (rank < 1 || rank > MOST_AXES || info.length != 2 * rank + SHAPE_EXTRAS) {
          throw malformed("has a shape of rank " + rank + " in " + info.length + " numbers");
        }
        List<Long> shape = new ArrayList<>();
        long elements = 1;
        for (int axis = 0; axis < rank; axis++) {
          long size = info[1 + axis];
          if (size < 1) {
            throw malformed("has a size of " + size + "; needed at least 1");
          }
          shape.add(size);
          elements = Math.multiplyExact(elements, size);
        }
        long order = info[info.length - 1];
        if (order != 'c' && order != 'f') {
          throw malformed("has its elements in order " + order + "; needed 'c' or 'f'");
        }
        float[] values = reals();
        if (values.length != elements) {
          throw malformed(
              "holds " + values.length + " elements; its shape " + shape + " needs " + elements);
        }
        if (bytes.hasRemaining()) {
          throw malformed("has " + bytes.remaining() + " bytes after its array");
        }
        return new Nd4jArray(shape, (char) order, values);
      } catch (BufferUnderflowException e) {
        throw malformed("is cut");
      } catch (ArithmeticException e) {
        throw malformed("has a shape of more elements than there can be");
      }
    }
  }

  /**
   * Reads a member that is one array.
   *
   * @throws MalformedFileException if it is none, or not of real numbers, or cut
   */
  static Nd4jArray read(Path path, String member, byte[] bytes) throws MalformedFileException {
    return new Reader(path, member, ByteBuffer.wrap(bytes)).array();
  }

  /** How many axes there are along which there is more than one element. */
  private long axes() {
    return shape.stream().filter(size -> size > 1).count();
  }

  /** Whether it is a list of numbers, whatever its rank. */
  boolean isFlat() {
    return axes() <= 1;
  }
}
