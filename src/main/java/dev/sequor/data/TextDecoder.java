package dev.sequor.data;

/**
 * Makes text of one token after another. What comes out, put together, is what {@link
 * Vocabulary#decode} makes of all of them.
 */
@FunctionalInterface
public interface TextDecoder {
  /**
   * The text that is certain once {@code token} is there: none, as long as it may be the beginning
   * of a character.
   *
   * @throws IllegalArgumentException if it is no token of the vocabulary
   */
  String next(int token);

  /** The text that is left at the end. */
  default String end() {
    return "";
  }
}
