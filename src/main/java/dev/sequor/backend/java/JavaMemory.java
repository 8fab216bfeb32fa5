package dev.sequor.backend.java;

import dev.sequor.backend.DType;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.Memory;
import org.jspecify.annotations.Nullable;

/** A run of elements of a Java array. */
final class JavaMemory extends Memory {
  private static final float[] NO_FLOATS = {};
  private static final int[] NO_INTS = {};

  private float[] floats;
  private int[] ints;

  private JavaMemory(DType type, long elements, float[] floats, int[] ints) {
    super(type, elements);
    this.floats = floats;
    this.ints = ints;
  }

  private JavaMemory(JavaMemory parent, long offset, long elements) {
    super(parent, offset, elements);
    this.floats = parent.floats;
    this.ints = parent.ints;
  }

  /** New memory, filled with zeros. */
  static JavaMemory allocate(DType type, long elements) {
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
    return new JavaMemory(type, elements, floats, ints);
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

  /** Memory of this engine as what it is. */
  static JavaMemory of(Memory memory) {
    return (JavaMemory) memory;
  }

  /** The same, where there may be none. */
  static @Nullable JavaMemory ofNullable(@Nullable Memory memory) {
    return (JavaMemory) memory;
  }

  /** The array behind FLOAT32 memory, which starts at {@link #offset}. */
  float[] floats() {
    assert type() == DType.FLOAT32;
    return floats;
  }

  /** The array behind INT32 memory, which starts at {@link #offset}. */
  int[] ints() {
    assert type() == DType.INT32;
    return ints;
  }

  /** Where this memory starts in its array. */
  int offset() {
    return (int) start();
  }

  @Override
  public JavaMemory slice(long offset, long count) {
    return new JavaMemory(this, offset, count);
  }

  /** The array goes when nobody refers to it any more; this does not after its owner let go. */
  @Override
  public void free() {
    floats = NO_FLOATS;
    ints = NO_INTS;
  }
}
