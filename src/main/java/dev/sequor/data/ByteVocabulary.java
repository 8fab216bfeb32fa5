package dev.sequor.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * The 256 bytes, each its own token: for any file at all, and for texts in UTF-8 whose characters
 * are too many. What is no UTF-8 is decoded as U+FFFD.
 */
public final class ByteVocabulary implements Vocabulary {
  /** Bytes that there are. */
  private static final int SIZE = 256;

  /** All vocabularies of bytes are this one. */
  public static final ByteVocabulary BYTES = new ByteVocabulary();

  private ByteVocabulary() {}

  @Override
  public int size() {
    return SIZE;
  }

  @Override
  public String unit() {
    return "byte";
  }

  @Override
  public int[] encode(String source, String text) {
    byte[] bytes = Utf8.bytes(source, text);
    int[] tokens = new int[bytes.length];
    encode(bytes, bytes.length, tokens);
    return tokens;
  }

  @Override
  public Tokens encode(Text text) {
    return text.byteTokens(ByteVocabulary::encode);
  }

  private static int encode(byte[] bytes, int count, int[] tokens) {
    for (int i = 0; i < count; i++) {
      tokens[i] = bytes[i] & 0xFF;
    }
    return count;
  }

  @Override
  public String decode(int... tokens) {
    requireTokens(tokens);
    byte[] bytes = new byte[tokens.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) tokens[i];
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  @Override
  public TextDecoder decoder() {
    return new Decoder();
  }

  private static final class Decoder implements TextDecoder {
    private final CharsetDecoder utf8 =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);

    /** The beginning of a character, ready to be added to. */
    private final ByteBuffer bytes = ByteBuffer.allocate(8);

    private final CharBuffer characters = CharBuffer.allocate(8);

    @Override
    public String next(int token) {
      BYTES.requireTokens(token);
      bytes.put((byte) token);
      return decode(false);
    }

    @Override
    public String end() {
      return decode(true);
    }

    private String decode(boolean end) {
      bytes.flip();
      utf8.decode(bytes, characters, end);
      bytes.compact();
      if (end) {
        utf8.flush(characters);
        utf8.reset();
      }
      characters.flip();
      String text = characters.toString();
      characters.clear();
      return text;
    }
  }

  @Override
  public String toString() {
    return "ByteVocabulary";
  }
}
