package dev.sequor.io;

import java.nio.ByteBuffer;

/** Element types of safetensors files; the names are those of the format. */
public enum TensorType {
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Unsigned 8-bit integers. */
  U8(1),
  /** Signed 8-bit integers. */
  I8(1),
  /** Floats with 5 exponent and 2 mantissa bits. */
  F8_E5M2(1),
  /** Floats with 4 exponent and 3 mantissa bits. */
  F8_E4M3(1),
  /** Powers of two. */
  F8_E8M0(1),
  /** Signed 16-bit integers. */
  I16(2),
  /** Unsigned 16-bit integers. */
  U16(2),
  /** IEEE 754 half precision. */
  F16(2),
  /** The upper half of single precision. */
  BF16(2),
  /** Signed 32-bit integers. */
  I32(4),
  /** Unsigned 32-bit integers. */
  U32(4),
  /** IEEE 754 single precision. */
  F32(4),
  /** Two single-precision numbers, real and imaginary part. */
  C64(8),
  /** IEEE 754 double precision. */
  F64(8),
  /** Signed 64-bit integers. */
  I64(8),
  /** Unsigned 64-bit integers. */
  U64(8);

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether {@link #floats} takes elements of this type. */
  public boolean isReal() {
    return this == F32 || this == F64 || this == F16 || this == BF16;
  }

  /** Whether {@link #integers} takes elements of this type. */
  public boolean isInteger() {
    return switch (this) {
      case BOOL, U8, I8, I16, U16, I32, U32, I64 -> true;
      default -> false;
    };
  }

  /**
   * Real numbers. F32, F16 and BF16 convert without a loss, F64 is rounded to the nearest.
   *
   * @param bytes little-endian, from its start to its limit
   * @throws IllegalArgumentException if this is another type
   */
  public float[] floats(ByteBuffer bytes) {
    float[] values = new float[bytes.limit() / this.bytes];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (this) {
            case F32 -> bytes.getFloat(i * Float.BYTES);
            case F64 -> (float) bytes.getDouble(i * Double.BYTES);
            case F16 -> SafetensorsFile.halfToFloat(bytes.getShort(i * Short.BYTES));
            case BF16 -> Float.intBitsToFloat(bytes.getShort(i * Short.BYTES) << 16);
            default ->
                throw new IllegalArgumentException("is " + this + "; needed F32, F16, BF16 or F64");
          };
    }
    return values;
  }

  /**
   * Integers.
   *
   * @param bytes little-endian, from its start to its limit
   * @throws IllegalArgumentException if this is another type
   */
  public long[] integers(ByteBuffer bytes) {
    long[] values = new long[bytes.limit() / this.bytes];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (this) {
            case BOOL, U8 -> bytes.get(i) & 0xFF;
            case I8 -> bytes.get(i);
            case I16 -> bytes.getShort(i * Short.BYTES);
            case U16 -> bytes.getShort(i * Short.BYTES) & 0xFFFF;
            case I32 -> bytes.getInt(i * Integer.BYTES);
            case U32 -> Integer.toUnsignedLong(bytes.getInt(i * Integer.BYTES));
            case I64 -> bytes.getLong(i * Long.BYTES);
            default -> throw new IllegalArgumentException("is " + this + "; needed integers");
          };
    }
    return values;
  }
}
