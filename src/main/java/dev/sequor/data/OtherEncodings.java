package dev.sequor.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import org.jspecify.annotations.Nullable;

/** Texts in UTF-16 and UTF-32, which are refused by their names. */
final class OtherEncodings {
  /** So much of a file is looked at to tell an encoding without a byte-order mark. */
  static final int LOOKED_AT = 4096;

  /** One character in so many at least is in Latin-1, in any language. */
  private static final int NARROW_PART = 16;

  private OtherEncodings() {}

  /**
   * Refuses a text with the byte-order mark of another encoding.
   *
   * @param start the first bytes of the text
   * @param length how many of them there are
   * @throws IllegalArgumentException if there is one
   */
  static void refuseMarked(String name, byte[] start, int length) {
    String marked = marked(start, length);
    if (marked != null) {
      throw new IllegalArgumentException(
          name + ": in " + marked + ", by its byte-order mark; " + conversion(marked));
    }
  }

  /**
   * Why a text with a NUL byte is refused.
   *
   * @param size bytes of the whole text
   * @param offset of the NUL
   */
  static IllegalArgumentException ofNul(
      String name, byte[] start, int length, long size, long offset) {
    String guessed = guessed(start, length, size);
    return new IllegalArgumentException(
        guessed == null
            ? name + ": NUL byte at offset " + offset + ", so it is binary; " + TextScan.NEEDED
            : name + ": in " + guessed + ", by its NUL bytes; " + conversion(guessed));
  }

  private static String conversion(String encoding) {
    return TextScan.NEEDED + " (iconv -f " + encoding + " -t UTF-8)";
  }

  /** The encoding that a byte-order mark other than UTF-8's names, or null. */
  private static @Nullable String marked(byte[] bytes, int length) {
    if (startsWith(bytes, length, 0xFF, 0xFE, 0, 0)) {
      return "UTF-32LE";
    }
    if (startsWith(bytes, length, 0, 0, 0xFE, 0xFF)) {
      return "UTF-32BE";
    }
    if (startsWith(bytes, length, 0xFF, 0xFE)) {
      return "UTF-16LE";
    }
    return startsWith(bytes, length, 0xFE, 0xFF) ? "UTF-16BE" : null;
  }

  private static boolean startsWith(byte[] bytes, int length, int... start) {
    if (length < start.length) {
      return false;
    }
    for (int i = 0; i < start.length; i++) {
      if ((bytes[i] & 0xFF) != start[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * UTF-16 or UTF-32 without a mark, or null. Of any text much is ASCII, be it blanks, line feeds
   * and digits, whose upper bytes are NUL, always on the same side; control characters are not
   * text.
   */
  private static @Nullable String guessed(byte[] bytes, int length, long size) {
    for (Unit unit : Unit.values()) {
      int units = length / unit.bytes;
      int narrow = 0;
      int control = 0;
      for (int i = 0; i < units; i++) {
        if (unit.isNarrow(bytes, i * unit.bytes)) {
          narrow++;
          int low = bytes[i * unit.bytes + unit.low] & 0xFF;
          control += low >= ' ' || low == '\t' || low == '\n' || low == '\r' ? 0 : 1;
        }
      }
      if (size % unit.bytes == 0
          && control == 0
          && narrow * NARROW_PART >= units
          && isDecodable(unit.charset, bytes, length)) {
        return unit.charset;
      }
    }
    return null;
  }

  /** A code unit: its bytes, and which of them is the low one. */
  private enum Unit {
    UTF_32LE("UTF-32LE", 4, 0),
    UTF_32BE("UTF-32BE", 4, 3),
    UTF_16LE("UTF-16LE", 2, 0),
    UTF_16BE("UTF-16BE", 2, 1);

    final String charset;
    final int bytes;
    final int low;

    Unit(String charset, int bytes, int low) {
      this.charset = charset;
      this.bytes = bytes;
      this.low = low;
    }

    /** Whether all bytes of the unit at {@code offset} but the low one are NUL. */
    boolean isNarrow(byte[] text, int offset) {
      for (int i = 0; i < bytes; i++) {
        if (i != low && text[offset + i] != 0) {
          return false;
        }
      }
      return true;
    }
  }

  private static boolean isDecodable(String charset, byte[] bytes, int length) {
    ByteBuffer start = ByteBuffer.wrap(bytes, 0, length & ~(Integer.BYTES - 1));
    // Not at its end: what is cut off there is not malformed.
    return !Charset.forName(charset)
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
        .decode(start, CharBuffer.allocate(LOOKED_AT), false)
        .isError();
  }
}
