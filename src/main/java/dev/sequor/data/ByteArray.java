package dev.sequor.data;

/** Bytes in memory. */
@SuppressWarnings("ArrayRecordComponent") // Texts are large: no copies.
record ByteArray(byte[] bytes) implements ByteSource {
  @Override
  public long size() {
    return bytes.length;
  }

  @Override
  public void read(long from, byte[] into, int offset, int count) {
    System.arraycopy(bytes, Math.toIntExact(from), into, offset, count);
  }
}
