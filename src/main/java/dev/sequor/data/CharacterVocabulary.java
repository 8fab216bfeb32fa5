package dev.sequor.data;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;

/**
 * The characters (Unicode code points) a model knows, as token identifiers: the characters in
 * ascending order are the tokens 0 to {@link #size()} − 1.
 *
 * <p>There is no token for "any other character": a text with a character outside the vocabulary is
 * refused with an error that names it, because a model gives such a text no probability at all.
 */
public final class CharacterVocabulary implements Vocabulary {
  /** Characters whose tokens are looked up and not searched. */
  private static final int DIRECT = 0x500;

  private final int[] codePoints;
  private final int[] direct = new int[DIRECT];

  private CharacterVocabulary(int[] codePoints) {
    this.codePoints = codePoints;
    for (int c = 0; c < DIRECT; c++) {
      direct[c] = Math.max(-1, Arrays.binarySearch(codePoints, c));
    }
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
   * The characters that occur in {@code text} or, if it is part of another, in that.
   *
   * @throws IllegalArgumentException if there are none, or it was opened as bytes
   */
  public static CharacterVocabulary of(Text text) {
    return ofSorted(text.requireIndex().distinct());
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
  @Override
  public int size() {
    return codePoints.length;
  }

  @Override
  public String unit() {
    return "character";
  }

  /** A copy of the characters, ascending. */
  public int[] codePoints() {
    return codePoints.clone();
  }

  /** The token of a character, or −1 if the vocabulary lacks it. */
  public int token(int codePoint) {
    return codePoint >= 0 && codePoint < DIRECT
        ? direct[codePoint]
        : Math.max(-1, Arrays.binarySearch(codePoints, codePoint));
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
  @Override
  public int[] encode(String source, String text) {
    int[] tokens = text.codePoints().toArray();
    for (int i = 0; i < tokens.length; i++) {
      int token = token(tokens[i]);
      if (token < 0) {
        Unknown unknown = new Unknown();
        text.codePoints().forEach(unknown::take);
        throw new IllegalArgumentException(unknown.describe(source));
      }
      tokens[i] = token;
    }
    return tokens;
  }

  @Override
  public Tokens encode(Text text) {
    if (!Arrays.stream(text.requireIndex().distinct()).allMatch(this::contains)) {
      // Perhaps in another part of the text.
      Unknown unknown = new Unknown();
      TextReader in = text.reader();
      while (in.fill(Integer.BYTES)) {
        unknown.take(Utf8.codePoint(in.buffer, in.at));
        in.at += Utf8.length(in.buffer[in.at]);
      }
      if (unknown.first >= 0) {
        throw new IllegalArgumentException(unknown.describe(text.name()));
      }
    }
    return text.characterTokens(this::encode);
  }

  private int encode(byte[] bytes, int count, int[] tokens) {
    int made = 0;
    for (int at = 0; at < count; at += Utf8.length(bytes[at])) {
      tokens[made++] = token(Utf8.codePoint(bytes, at));
    }
    return made;
  }

  /** Takes the characters of a text in their order, and notes those that are not known. */
  private final class Unknown {
    private int line = 1;
    private long column = 1;
    private int first = -1;
    private int firstLine;
    private long firstColumn;
    private final BitSet all = new BitSet();

    private void take(int character) {
      if (!contains(character)) {
        all.set(character);
        if (first < 0) {
          first = character;
          firstLine = line;
          firstColumn = column;
        }
      }
      column++;
      if (character == '\n') {
        line++;
        column = 1;
      }
    }

    private String describe(String source) {
      int others = all.cardinality() - 1;
      return source
          + ": character "
          + CharacterVocabulary.describe(first)
          + " at line "
          + firstLine
          + ", column "
          + firstColumn
          + " is not among the "
          + size()
          + " characters that the model knows"
          + (others == 0 ? "" : "; nor are " + others + " other characters of the text");
    }
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
  @Override
  public String decode(int... tokens) {
    requireTokens(tokens);
    StringBuilder text = new StringBuilder(tokens.length);
    for (int token : tokens) {
      text.appendCodePoint(codePoints[token]);
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
