package dev.sequor.data;

import java.util.Objects;

/**
 * A run of tokens {@code [N]} that is read from any position on, in memory or in a file that is
 * larger than memory. What stands at a position never changes, and several threads may read at
 * once.
 */
public interface Tokens {
  /** {@code N}, the number of tokens. */
  long size();

  /**
   * Copies the tokens {@code from} to {@code from + count − 1}.
   *
   * @param into gets them from element {@code offset} on
   * @throws IndexOutOfBoundsException if there are not as many, or {@code into} has no room for
   *     them
   * @throws IllegalArgumentException if they are in a file that cannot be read, or has changed
   *     since it was opened
   */
  void copy(long from, int[] into, int offset, int count);

  /** The tokens of an array {@code [N]}, which nobody may change from here on. */
  static Tokens of(int... tokens) {
    return new TokenArray(tokens);
  }

  /**
   * The tokens {@code from} to {@code from + count − 1}, numbered from 0.
   *
   * @throws IndexOutOfBoundsException if there are not as many
   */
  default Tokens slice(long from, long count) {
    Objects.checkFromIndexSize(from, count, size());
    return new TokenSlice(this, from, count);
  }

  /**
   * A copy of all tokens.
   *
   * @throws IllegalArgumentException if there are more than an array holds
   */
  default int[] toArray() {
    if (size() > Integer.MAX_VALUE - 16) {
      throw new IllegalArgumentException(
          size() + " tokens; an array needs at most " + (Integer.MAX_VALUE - 16));
    }
    int[] all = new int[(int) size()];
    copy(0, all, 0, all.length);
    return all;
  }
}
