package dev.sequor.io;

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
}
