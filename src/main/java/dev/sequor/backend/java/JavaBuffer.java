package dev.sequor.backend.java;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.DeviceMemoryException;

/** A run of elements of a Java array. */
final class JavaBuffer extends Buffer {
  private static final float[] NO_FLOATS = {};
  private static final int[] NO_INTS = {};

  private float[] floats;
  private int[] ints;
  private final int offset;

  private JavaBuffer(Backend backend, DType type, long elements, float[] floats, int[] ints) {
    super(backend, type, elements);
    this.floats = floats;
    this.ints = ints;
    this.offset = 0;
  }

  private JavaBuffer(JavaBuffer parent, int offset, long elements) {
    super(parent, elements);
    this.floats = parent.floats;
    this.ints = parent.ints;
    this.offset = offset;
  }

  /** New memory, filled with zeros. */
  static JavaBuffer allocate(Backend backend, DType type, long elements) {
    float[] floats = NO_FLOATS;
    int[] ints = NO_INTS;
    int length = arrayLength(type + " buffer", elements);
    try {
      if (type == DType.FLOAT32) {
        floats = new float[length];
      } else {
        ints = new int[length];
      }
    } catch (OutOfMemoryError e) {
      throw new DeviceMemoryException(
          "a buffer of "
              + elements
              + " "
              + type
              + " ("
              + elements * type.bytes()
              + " bytes) does not fit the Java heap of at most "
              + Runtime.getRuntime().maxMemory()
              + " bytes; raise -Xmx",
          e);
    }
    return new JavaBuffer(backend, type, elements, floats, ints);
  }

  /** {@code elements} as the length of an array, which a {@code thing} of this backend needs. */
  static int arrayLength(String thing, long elements) {
    if (elements < 0 || elements > Integer.MAX_VALUE - 8) {
      throw new DeviceMemoryException(
          "a "
              + thing
              + " of "
              + elements
              + " elements does not fit a Java array; the java backend needs at most "
              + (Integer.MAX_VALUE - 8));
    }
    return (int) elements;
  }

  /** The buffer as one of this backend; it must be open. */
  static JavaBuffer of(Buffer buffer) {
    buffer.requireOpen();
    if (buffer instanceof JavaBuffer java) {
      return java;
    }
    throw new IllegalArgumentException(
        "buffer lives on " + buffer.backend().name() + "; needed one of the java backend");
  }

  /** The array behind a FLOAT32 buffer; this buffer starts at {@link #offset}. */
  float[] floats() {
    assert type() == DType.FLOAT32;
    return floats;
  }

  /** The array behind an INT32 buffer; this buffer starts at {@link #offset}. */
  int[] ints() {
    assert type() == DType.INT32;
    return ints;
  }

  /** Where this buffer starts in its array. */
  int offset() {
    return offset;
  }

  @Override
  protected Buffer sliceMemory(long offset, long count) {
    return new JavaBuffer(this, this.offset + (int) offset, count);
  }

  @Override
  protected void free() {
    floats = NO_FLOATS;
    ints = NO_INTS;
  }
}
