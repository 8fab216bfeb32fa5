package dev.sequor.data;

import java.util.Arrays;
import java.util.Locale;

/**
 * The characters (Unicode code points) a model knows, as token identifiers: the characters in
 * ascending order are the tokens 0 to {@link #size()} − 1.
 *
 * <p>There is no token for "any other character": a text with a character outside the vocabulary is
 * refused with an error that names it, because a model gives such a text no probability at all.
 */
public final class CharacterVocabulary {
  private final int[] codePoints;

  private CharacterVocabulary(int[] codePoints) {
    this.codePoints = codePoints;
  }

  /**
   * The characters that occur in {@code text}.
   *
   * @throws IllegalArgumentException if there are none, or one is half of a surrogate pair
   */
  public static CharacterVocabulary of(String text) {
    return ofSorted(text.codePoints().sorted().distinct().toArray());
  }

  /**
   * The characters given, for example from a checkpoint.
   *
   * @throws IllegalArgumentException if there are none, if one is no Unicode code point or half of
   *     a surrogate pair, or if they do not ascend
   */
  public static CharacterVocabulary ofSorted(int... codePoints) {
    if (codePoints.length == 0) {
      throw new IllegalArgumentException("the vocabulary has no characters; needed at least 1");
    }
    for (int i = 0; i < codePoints.length; i++) {
      if (!Character.isValidCodePoint(codePoints[i])) {
        throw new IllegalArgumentException(
            "character "
                + i
                + " of the vocabulary is "
                + codePoints[i]
                + ", no Unicode code point");
      }
      if (Character.getType(codePoints[i]) == Character.SURROGATE) {
        // Two of them beside each other would be read as one other character.
        throw new IllegalArgumentException(
            "character "
                + i
                + " of the vocabulary is "
                + describe(codePoints[i])
                + ", half of a surrogate pair; needed whole characters");
      }
      if (i > 0 && codePoints[i] <= codePoints[i - 1]) {
        throw new IllegalArgumentException(
            "character "
                + i
                + " of the vocabulary is "
                + codePoints[i]
                + " after "
                + codePoints[i - 1]
                + "; needed ascending order");
      }
    }
    return new CharacterVocabulary(codePoints.clone());
  }

  /** {@code V}, the number of characters. */
  public int size() {
    return codePoints.length;
  }

  /** A copy of the characters, ascending. */
  public int[] codePoints() {
    return codePoints.clone();
  }

  /** The token of a character, or −1 if the vocabulary lacks it. */
  public int token(int codePoint) {
    return Math.max(-1, Arrays.binarySearch(codePoints, codePoint));
  }

  /** Whether the vocabulary has this character. */
  public boolean contains(int codePoint) {
    return token(codePoint) >= 0;
  }

  /**
   * The tokens of {@code text}, one a code point.
   *
   * @param source what the text is, for the error message, for example a file name
   * @throws IllegalArgumentException if a character is not in the vocabulary; names the first, its
   *     place, and how many others there are
   */
  public int[] encode(String source, String text) {
    int[] tokens = text.codePoints().toArray();
    for (int i = 0; i < tokens.length; i++) {
      int token = token(tokens[i]);
      if (token < 0) {
        throw new IllegalArgumentException(unknown(source, text, i));
      }
      tokens[i] = token;
    }
    return tokens;
  }

  private String unknown(String source, String text, int index) {
    int offset = text.offsetByCodePoints(0, index);
    int line = 1;
    int lineStart = 0;
    for (int i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) {
      line++;
      lineStart = i + 1;
    }
    long others = text.codePoints().filter(c -> !contains(c)).distinct().count() - 1;
    return source
        + ": character "
        + describe(text.codePointAt(offset))
        + " at line "
        + line
        + ", column "
        + (text.codePointCount(lineStart, offset) + 1)
        + " is not among the "
        + size()
        + " characters that the model knows"
        + (others == 0 ? "" : "; nor are " + others + " other characters of the text");
  }

  private static String describe(int codePoint) {
    String number = String.format(Locale.ROOT, "U+%04X", codePoint);
    return Character.isISOControl(codePoint) || Character.getType(codePoint) == Character.SURROGATE
        ? number
        : "'" + Character.toString(codePoint) + "' (" + number + ")";
  }

  /**
   * The characters of {@code tokens}.
   *
   * @throws IllegalArgumentException if one is not a token of this vocabulary
   */
  public String decode(int... tokens) {
    StringBuilder text = new StringBuilder(tokens.length);
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0 || tokens[i] >= codePoints.length) {
        throw new IllegalArgumentException(
            "token " + i + " is " + tokens[i] + "; needed 0 to " + (codePoints.length - 1));
      }
      text.appendCodePoint(codePoints[tokens[i]]);
    }
    return text.toString();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CharacterVocabulary v && Arrays.equals(codePoints, v.codePoints);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(codePoints);
  }

  @Override
  public String toString() {
    return "CharacterVocabulary of " + codePoints.length;
  }
}
