package dev.sequor.backend;

/** Element types of a {@link Buffer}. */
public enum DType {
  /** IEEE 754 single precision. */
  FLOAT32(4),
  /** Signed 32-bit integers: tokens and sequence lengths. */
  INT32(4);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }
}
