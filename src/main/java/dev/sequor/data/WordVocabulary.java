package dev.sequor.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The words that a model knows, as tokens: the most frequent is token 0, and the last token stands
 * for all that are not known.
 *
 * <p>A text is cut into pieces of which it is the concatenation, so that blanks and punctuation are
 * written again where they were. A piece is a run of letters, digits and marks with the apostrophes
 * inside of it, or one other character, either of them together with one blank before it; or one
 * white-space character. So {@code "It isn't, he"} is {@code "It"}, {@code " isn't"}, {@code ","},
 * {@code " "}, {@code " he"}. Ideographs are words of their own, and a run ends after {@value
 * PieceIndex#MOST_LETTERS} letters. What letters are is a matter of the Unicode that the running
 * Java knows.
 */
public final class WordVocabulary implements Vocabulary {
  /** The most tokens there may be. */
  public static final int MAX_SIZE = 1 << 20;

  private static final String UNKNOWN = "\uFFFD";

  private final List<String> words;
  private final PieceTable table = new PieceTable();

  private WordVocabulary(List<String> words) {
    this.words = words;
    for (int i = 0; i < words.size(); i++) {
      byte[] bytes = Utf8.bytes("word " + i + " of the vocabulary", words.get(i));
      if (bytes.length == 0) {
        throw new IllegalArgumentException(
            "word " + i + " of the vocabulary is empty; needed characters");
      }
      int token = table.add(bytes, 0, bytes.length);
      if (token < i) {
        throw new IllegalArgumentException(
            "word " + i + " of the vocabulary is word " + token + " too; needed another");
      }
    }
  }

  /**
   * The words of {@code text}, the most frequent first; of those that occur as often, in the order
   * of their characters.
   *
   * @param minCount how often a word must occur, at least 1
   * @param maxSize the most tokens, the one for unknown words included, from 2 to {@value
   *     #MAX_SIZE}
   * @throws IllegalArgumentException if a number is out of range, no word occurs as often, or the
   *     text was opened as bytes
   */
  public static WordVocabulary of(Text text, long minCount, int maxSize) {
    if (minCount < 1) {
      throw new IllegalArgumentException("minCount is " + minCount + "; needed at least 1");
    }
    if (maxSize < 2 || maxSize > MAX_SIZE) {
      throw new IllegalArgumentException("maxSize is " + maxSize + "; needed 2 to " + MAX_SIZE);
    }
    PieceCounts counts = new PieceCounts();
    text.readPieces(counts);
    int[] frequent = counts.atLeast(minCount);
    if (frequent.length == 0) {
      throw new IllegalArgumentException(
          text.name() + ": no word occurs " + minCount + " times; needed at least 1 that does");
    }
    List<String> words = new ArrayList<>();
    for (int i = 0; i < Math.min(frequent.length, maxSize - 1); i++) {
      words.add(counts.pieces.string(frequent[i]));
    }
    return new WordVocabulary(List.copyOf(words));
  }

  /**
   * The words given, for example from a checkpoint; token {@code words.size()} is the unknown one.
   *
   * @throws IllegalArgumentException if there are none or too many, one is empty, holds half of a
   *     surrogate pair, or is there twice
   */
  public static WordVocabulary ofWords(List<String> words) {
    if (words.isEmpty() || words.size() >= MAX_SIZE) {
      throw new IllegalArgumentException(
          "the vocabulary has " + words.size() + " words; needed 1 to " + (MAX_SIZE - 1));
    }
    return new WordVocabulary(List.copyOf(words));
  }

  /** How often pieces occur. */
  private static final class PieceCounts implements PieceIndex.Reader {
    private final PieceTable pieces = new PieceTable();
    private long[] counts = new long[1 << 8];

    @Override
    public void take(byte[] bytes, int from, int to) {
      int piece = pieces.add(bytes, from, to);
      if (piece == counts.length) {
        counts = Arrays.copyOf(counts, Math.multiplyExact(piece, 2));
      }
      counts[piece]++;
    }

    /** Those that occur so often, the most frequent first. */
    private int[] atLeast(long minCount) {
      Comparator<Integer> order =
          Comparator.<Integer>comparingLong(piece -> -counts[piece]).thenComparing(pieces::compare);
      return IntStream.range(0, pieces.count())
          .filter(piece -> counts[piece] >= minCount)
          .boxed()
          .sorted(order)
          .mapToInt(Integer::intValue)
          .toArray();
    }
  }

  @Override
  public int size() {
    return words.size() + 1;
  }

  @Override
  public String unit() {
    return "word";
  }

  @Override
  public int unknown() {
    return words.size();
  }

  /** All but the unknown one. */
  public List<String> words() {
    return words;
  }

  /**
   * The token of a word with the blank before it, if any; {@link #unknown()} if it is not known.
   */
  public int token(String word) {
    byte[] bytes = Utf8.bytes("a word", word);
    return token(bytes, 0, bytes.length);
  }

  private int token(byte[] bytes, int from, int to) {
    int token = table.find(bytes, from, to);
    return token < 0 ? unknown() : token;
  }

  @Override
  public int[] encode(String source, String text) {
    byte[] bytes = Utf8.bytes(source, text);
    int[] tokens = new int[bytes.length];
    return Arrays.copyOf(tokens, encode(bytes, bytes.length, tokens));
  }

  @Override
  public Tokens encode(Text text) {
    return text.pieceTokens(this::encode);
  }

  private int encode(byte[] bytes, int count, int[] tokens) {
    int made = 0;
    for (int at = 0; at < count; ) {
      int end = PieceIndex.end(bytes, at, count);
      tokens[made++] = token(bytes, at, end);
      at = end;
    }
    return made;
  }

  @Override
  public String decode(int... tokens) {
    requireTokens(tokens);
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(token == unknown() ? UNKNOWN : words.get(token));
    }
    return text.toString();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof WordVocabulary v && words.equals(v.words);
  }

  @Override
  public int hashCode() {
    return words.hashCode();
  }

  @Override
  public String toString() {
    return "WordVocabulary of " + words.size();
  }
}
