package dev.sequor.data;

import java.util.Arrays;

/** Where the blocks of a text begin: 4 MB for each GB that has a token in every byte. */
final class BlockOffsets implements BlockTokens.Offsets {
  private long[] offsets = new long[4];
  private int count;

  /** That of the next block. */
  void add(long offset) {
    if (count == offsets.length) {
      offsets = Arrays.copyOf(offsets, Math.multiplyExact(count, 2));
    }
    offsets[count++] = offset;
  }

  /** How many blocks there are. */
  int count() {
    return count;
  }

  @Override
  public long of(long block) {
    return offsets[Math.toIntExact(block)];
  }
}
