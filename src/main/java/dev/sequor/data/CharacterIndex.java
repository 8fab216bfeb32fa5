package dev.sequor.data;

import java.util.BitSet;

/**
 * Where the characters of a text lie in its bytes, and which there are.
 *
 * @param begin where the first begins
 * @param characters how many there are
 * @param offsets where every {@link BlockTokens#BLOCK}th of them begins, from the first on
 * @param seen a bit for each character that occurs
 */
@SuppressWarnings("ArrayRecordComponent") // Shared by the parts of one text, and never changed.
record CharacterIndex(long begin, long characters, BlockOffsets offsets, long[] seen) {
  /** Takes the characters of a text in their order. */
  static final class Builder {
    private long characters;
    private final BlockOffsets offsets = new BlockOffsets();
    private final long[] seen = new long[(Character.MAX_CODE_POINT + 1) / Long.SIZE];

    /** The next character, which begins at {@code offset}. */
    void add(int character, long offset) {
      if (characters++ % BlockTokens.BLOCK == 0) {
        offsets.add(offset);
      }
      seen[character >> 6] |= 1L << character;
    }

    /** That of a text that begins at {@code begin}. */
    CharacterIndex build(long begin) {
      return new CharacterIndex(begin, characters, offsets, seen);
    }
  }

  /** That of bytes that are known to be UTF-8. */
  static CharacterIndex of(byte[] text) {
    Builder index = new Builder();
    for (int at = 0; at < text.length; at += Utf8.length(text[at])) {
      index.add(Utf8.codePoint(text, at), at);
    }
    return index.build(0);
  }

  /** The characters that occur, ascending. */
  int[] distinct() {
    return BitSet.valueOf(seen).stream().toArray();
  }

  /** Where character {@code number} begins; past the last, the end of the text. */
  long offset(ByteSource bytes, long number) {
    if (number == characters) {
      return bytes.size();
    }
    long block = number / BlockTokens.BLOCK;
    long from = offsets.of(block);
    long end = block + 1 < offsets.count() ? offsets.of(block + 1) : bytes.size();
    byte[] around = new byte[(int) (end - from)];
    bytes.read(from, around, 0, around.length);
    int at = 0;
    for (long before = number % BlockTokens.BLOCK; before > 0; before--) {
      at += Utf8.length(around[at]);
    }
    return from + at;
  }
}
