package dev.sequor.data;

/** Reads the bytes of a text in their order, some ahead. */
final class TextReader {
  private static final int SIZE = 1 << 16;

  private final ByteSource bytes;
  private final long end;
  private long next;

  final byte[] buffer = new byte[SIZE];

  /** The next byte that was not used yet. */
  int at;

  /** Where those end that were read. */
  int limit;

  TextReader(ByteSource bytes, long begin, long end) {
    this.bytes = bytes;
    this.next = begin;
    this.end = end;
  }

  /**
   * Reads on until {@code count} bytes are there, or all that are left.
   *
   * @return whether there are any
   */
  boolean fill(int count) {
    if (limit - at < count && next < end) {
      System.arraycopy(buffer, at, buffer, 0, limit - at);
      limit -= at;
      at = 0;
      int read = (int) Math.min(SIZE - limit, end - next);
      bytes.read(next, buffer, limit, read);
      limit += read;
      next += read;
    }
    return at < limit;
  }

  /** The offset in the text's bytes of the next that was not used yet. */
  long offset() {
    return next - (limit - at);
  }
}
