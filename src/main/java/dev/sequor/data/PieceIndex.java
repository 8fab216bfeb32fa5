package dev.sequor.data;

/**
 * Where the pieces of a text lie in its bytes, and how a text is cut into them; see {@link
 * WordVocabulary}.
 *
 * @param pieces how many there are
 * @param offsets where every {@link BlockTokens#BLOCK}th of them begins, from the first on
 */
record PieceIndex(long pieces, BlockOffsets offsets) {
  /** A longer run of letters is cut, so that a piece never needs a book ahead of it. */
  static final int MOST_LETTERS = 64;

  /** A blank, so many letters each with an apostrophe before it, and two characters to look at. */
  private static final int AHEAD = 4 * (2 * MOST_LETTERS + 3);

  private static final int RIGHT_QUOTATION_MARK = 0x2019;

  /** Gets pieces. */
  @FunctionalInterface
  interface Reader {
    /** The piece in {@code bytes} from {@code from} to {@code to − 1}. */
    void take(byte[] bytes, int from, int to);
  }

  /** Cuts all that {@code in} reads. */
  static PieceIndex of(TextReader in, Reader reader) {
    BlockOffsets offsets = new BlockOffsets();
    long count = 0;
    while (in.fill(AHEAD)) {
      if (count++ % BlockTokens.BLOCK == 0) {
        offsets.add(in.offset());
      }
      int end = end(in.buffer, in.at, in.limit);
      reader.take(in.buffer, in.at, end);
      in.at = end;
    }
    return new PieceIndex(count, offsets);
  }

  /**
   * Where the piece that begins at {@code from} ends. It looks forward alone, and where the bytes
   * end after a piece of the whole text, it is the same piece: so any block of them may be cut by
   * itself.
   *
   * @param limit where the bytes end
   */
  static int end(byte[] bytes, int from, int limit) {
    int first = Utf8.codePoint(bytes, from);
    int at = from + Utf8.length(bytes[from]);
    if (first == ' ' && at < limit) {
      int second = Utf8.codePoint(bytes, at);
      if (isSpace(second)) {
        return at;
      }
      first = second;
      at += Utf8.length(bytes[at]);
    }
    return isLetter(first) ? endOfLetters(bytes, at, limit) : at;
  }

  private static int endOfLetters(byte[] bytes, int from, int limit) {
    int at = from;
    for (int letters = 1; letters < MOST_LETTERS && at < limit; letters++) {
      int next = Utf8.codePoint(bytes, at);
      int after = at + Utf8.length(bytes[at]);
      if (isApostrophe(next) && after < limit && isLetter(Utf8.codePoint(bytes, after))) {
        at = after + Utf8.length(bytes[after]);
      } else if (isLetter(next)) {
        at = after;
      } else {
        return at;
      }
    }
    return at;
  }

  private static boolean isSpace(int character) {
    return Character.isWhitespace(character) || Character.isSpaceChar(character);
  }

  private static boolean isApostrophe(int character) {
    return character == '\'' || character == RIGHT_QUOTATION_MARK;
  }

  /** Part of a word; ideographs are words of their own, since nothing stands between theirs. */
  private static boolean isLetter(int character) {
    if (character < 0x80) {
      int lower = character | 0x20;
      return (lower >= 'a' && lower <= 'z') || (character >= '0' && character <= '9');
    }
    return switch (Character.getType(character)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK ->
          true;
      default -> Character.isLetterOrDigit(character) && !Character.isIdeographic(character);
    };
  }
}
