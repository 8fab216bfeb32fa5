package dev.sequor.data;

import java.util.Objects;

/** A part of other tokens. */
record TokenSlice(Tokens whole, long first, long size) implements Tokens {
  @Override
  public void copy(long from, int[] into, int offset, int count) {
    Objects.checkFromIndexSize(from, (long) count, size);
    whole.copy(first + from, into, offset, count);
  }

  @Override
  public Tokens slice(long from, long count) {
    Objects.checkFromIndexSize(from, count, size);
    return new TokenSlice(whole, first + from, count);
  }
}
