package dev.sequor.data;

/**
 * What a model of text reads and predicts, one after another: characters, words or bytes, as the
 * tokens 0 to {@link #size()} − 1.
 */
public sealed interface Vocabulary extends DataSpec
    permits CharacterVocabulary, WordVocabulary, ByteVocabulary {
  /** {@code V}, the number of tokens. */
  int size();

  /** What a token stands for: {@code character}, {@code word} or {@code byte}. */
  String unit();

  /**
   * The token of all that the vocabulary does not know, or −1 if it refuses that, or knows
   * everything. It is decoded as U+FFFD.
   */
  default int unknown() {
    return -1;
  }

  /**
   * The tokens of {@code text}.
   *
   * @param source what the text is, for the error message, for example a file name
   * @throws IllegalArgumentException if it holds what is not in the vocabulary; names the first,
   *     its place, and how many others there are; or half of a surrogate pair
   */
  int[] encode(String source, String text);

  /**
   * The tokens of {@code text}, which are made when they are read: they take no memory.
   *
   * @throws IllegalArgumentException if the text holds what is not in the vocabulary, like {@link
   *     #encode(String, String)}; or it was opened as bytes, and these are no tokens of bytes
   */
  Tokens encode(Text text);

  /**
   * The text of {@code tokens}.
   *
   * @throws IllegalArgumentException if one is not a token of this vocabulary
   */
  String decode(int... tokens);

  /** Decodes one token after another. */
  default TextDecoder decoder() {
    return token -> decode(token);
  }

  /**
   * Throws if one is not a token of this vocabulary.
   *
   * @throws IllegalArgumentException if so
   */
  default void requireTokens(int... tokens) {
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0 || tokens[i] >= size()) {
        throw new IllegalArgumentException(
            "token " + i + " is " + tokens[i] + "; needed 0 to " + (size() - 1));
      }
    }
  }
}
