package dev.sequor.data;

import java.util.Objects;

/** Tokens in memory. */
@SuppressWarnings("ArrayRecordComponent") // Runs are large: no copies.
record TokenArray(int[] tokens) implements Tokens {
  @Override
  public long size() {
    return tokens.length;
  }

  @Override
  public void copy(long from, int[] into, int offset, int count) {
    Objects.checkFromIndexSize(from, (long) count, tokens.length);
    System.arraycopy(tokens, (int) from, into, offset, count);
  }
}
