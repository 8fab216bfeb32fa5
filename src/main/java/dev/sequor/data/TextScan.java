package dev.sequor.data;

import java.util.Locale;

/**
 * Takes the bytes of a text in their order: refuses what is no UTF-8, counts its characters, and
 * notes which there are and where they lie. A byte-order mark at the start is no part of the text.
 */
final class TextScan {
  static final String NEEDED = "needed a text file in UTF-8";

  private static final int BYTE_ORDER_MARK = 0xFEFF;

  private final String name;
  private final long size;

  /** The beginning of the file, which tells other encodings. */
  private final byte[] start = new byte[OtherEncodings.LOOKED_AT];

  private int started;
  private long taken;

  /** Where the first bytes that are no UTF-8 begin, and the first of them; −1 if none so far. */
  private long malformed = -1;

  private int malformedByte;

  /** The character that is being read: where it began, and the range of its next byte. */
  private long sequence;

  private int lead;
  private int codePoint;
  private int missing;
  private int low;
  private int high;

  private long begin;
  private final CharacterIndex.Builder characters = new CharacterIndex.Builder();

  /**
   * A scan that has taken nothing.
   *
   * @param name what the text is, for messages
   * @param size how many bytes there will be
   */
  TextScan(String name, long size) {
    this.name = name;
    this.size = size;
  }

  /**
   * Takes the next {@code count} bytes; the first are {@link OtherEncodings#LOOKED_AT} at least, or
   * all there are.
   *
   * @throws IllegalArgumentException if the text is in another encoding, or one is NUL
   */
  void take(byte[] bytes, int count) {
    if (taken == 0) {
      started = Math.min(count, start.length);
      System.arraycopy(bytes, 0, start, 0, started);
      OtherEncodings.refuseMarked(name, start, started);
    }
    for (int i = 0; i < count; i++) {
      byte next = bytes[i];
      if (next > 0 && missing == 0 && malformed < 0) {
        characters.add(next, taken + i);
      } else if (next == 0) {
        throw OtherEncodings.ofNul(name, start, started, size, taken + i);
      } else if (malformed < 0) {
        take(next & 0xFF, taken + i);
      }
    }
    taken += count;
  }

  /** A byte of a longer character, or one that does not belong where it is. */
  private void take(int next, long offset) {
    if (missing == 0) {
      sequence = offset;
      lead = next;
      begin(next);
    } else if (next < low || next > high) {
      refuse();
    } else {
      codePoint = codePoint << 6 | (next & 0x3F);
      low = 0x80;
      high = 0xBF;
      if (--missing == 0) {
        if (codePoint == BYTE_ORDER_MARK && sequence == 0) {
          begin = offset + 1;
        } else {
          characters.add(codePoint, sequence);
        }
      }
    }
  }

  /** What may follow a lead byte (Unicode 15, table 3-7). */
  private void begin(int next) {
    low = next == 0xE0 ? 0xA0 : next == 0xF0 ? 0x90 : 0x80;
    high = next == 0xED ? 0x9F : next == 0xF4 ? 0x8F : 0xBF;
    if (next >= 0xC2 && next <= 0xDF) {
      missing = 1;
      codePoint = next & 0x1F;
    } else if (next >= 0xE0 && next <= 0xEF) {
      missing = 2;
      codePoint = next & 0x0F;
    } else if (next >= 0xF0 && next <= 0xF4) {
      missing = 3;
      codePoint = next & 0x07;
    } else {
      refuse();
    }
  }

  /** Said at the end only: a NUL further on says more. */
  private void refuse() {
    malformed = sequence;
    malformedByte = lead;
  }

  /**
   * What was found.
   *
   * @throws IllegalArgumentException if the bytes are no UTF-8; names the offset
   */
  CharacterIndex end() {
    if (malformed < 0 && missing > 0) {
      refuse();
    }
    if (malformed >= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: byte 0x%02X at offset %d is not UTF-8; %s",
              name,
              malformedByte,
              malformed,
              NEEDED));
    }
    return characters.build(begin);
  }
}
