package dev.sequor.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Characters in bytes that are known to be UTF-8. */
final class Utf8 {
  private Utf8() {}

  /** Bytes of the character that begins with {@code lead}. */
  static int length(byte lead) {
    if (lead >= 0) {
      return 1;
    }
    int bits = lead & 0xFF;
    return bits < 0xE0 ? 2 : bits < 0xF0 ? 3 : 4;
  }

  /** The character that begins at {@code at}. */
  static int codePoint(byte[] bytes, int at) {
    int lead = bytes[at];
    if (lead >= 0) {
      return lead;
    }
    int second = bytes[at + 1] & 0x3F;
    return switch (length(bytes[at])) {
      case 2 -> (lead & 0x1F) << 6 | second;
      case 3 -> (lead & 0x0F) << 12 | second << 6 | (bytes[at + 2] & 0x3F);
      default ->
          (lead & 0x07) << 18 | second << 12 | (bytes[at + 2] & 0x3F) << 6 | (bytes[at + 3] & 0x3F);
    };
  }

  /**
   * The bytes of {@code text}.
   *
   * @param name what it is, for the message
   * @throws IllegalArgumentException if it holds half of a surrogate pair, which has none
   */
  static byte[] bytes(String name, String text) {
    try {
      ByteBuffer bytes =
          StandardCharsets.UTF_8
              .newEncoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .encode(CharBuffer.wrap(text));
      byte[] exact = new byte[bytes.remaining()];
      bytes.get(exact);
      return exact;
    } catch (CharacterCodingException e) {
      int index = 0;
      int at = 0;
      while (Character.getType(text.codePointAt(at)) != Character.SURROGATE) {
        at = text.offsetByCodePoints(at, 1);
        index++;
      }
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: character %d is U+%04X, half of a surrogate pair; needed whole characters",
              name,
              index,
              text.codePointAt(at)),
          e);
    }
  }
}
