package dev.sequor.data;

/** Bytes that do not change, read from any position on by any thread. */
sealed interface ByteSource permits ByteArray, CheckedFile {
  /** How many there are. */
  long size();

  /**
   * Copies {@code count} bytes from {@code from} on; there must be as many.
   *
   * @throws IllegalArgumentException if they cannot be read, or are not what they were
   */
  void read(long from, byte[] into, int offset, int count);
}
