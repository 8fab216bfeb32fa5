package dev.sequor.data;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A text of any length, in memory or in a file; or, for models of bytes, what any file holds. Of a
 * file only checksums and the places of some of its characters are in memory (about 6 MB a GB), so
 * that it may be much larger than that; it must stay as it is while it is in use, and is refused
 * otherwise.
 */
public final class Text {
  private final String name;
  private final ByteSource bytes;
  private final long begin;
  private final long end;

  /** Null of bytes that are not read as text. */
  private final @Nullable CharacterIndex index;

  private final long firstCharacter;
  private final long characters;

  /** Where the pieces lie, once somebody needed to know. */
  private @Nullable PieceIndex pieces;

  private Text(
      String name,
      ByteSource bytes,
      long begin,
      long end,
      @Nullable CharacterIndex index,
      long firstCharacter,
      long characters) {
    this.name = name;
    this.bytes = bytes;
    this.begin = begin;
    this.end = end;
    this.index = index;
    this.firstCharacter = firstCharacter;
    this.characters = characters;
  }

  /**
   * A text in memory.
   *
   * @param name what it is, for messages
   * @throws IllegalArgumentException if it holds half of a surrogate pair
   */
  public static Text of(String name, String text) {
    byte[] bytes = Utf8.bytes(name, text);
    return ofUtf8(name, new ByteArray(bytes), CharacterIndex.of(bytes));
  }

  /**
   * The text of a file in UTF-8; a byte-order mark at its start is left out. The file is read once
   * from end to end.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable, empty, in UTF-16 or
   *     UTF-32, holds a NUL byte, or is not UTF-8; names the file, the offset and what was needed
   */
  public static Text ofFile(Path file) {
    return ofFile(file, file.toString());
  }

  /**
   * The same of a file that stands for something else.
   *
   * @param name what it is, for messages
   */
  public static Text ofFile(Path file, String name) {
    TextScan scan = new TextScan(name, TextFile.size(file));
    CheckedFile bytes = CheckedFile.read(file, scan::take);
    CharacterIndex index = scan.end();
    if (index.characters() == 0) {
      throw new IllegalArgumentException(TextFile.empty(name));
    }
    return ofUtf8(name, bytes, index);
  }

  private static Text ofUtf8(String name, ByteSource bytes, CharacterIndex index) {
    return new Text(name, bytes, index.begin(), bytes.size(), index, 0, index.characters());
  }

  /**
   * The bytes of any file, for {@link ByteVocabulary}. The file is read once from end to end.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable or empty
   */
  public static Text ofBytes(Path file) {
    return ofBytes(file, file.toString());
  }

  /**
   * The same of a file that stands for something else.
   *
   * @param name what it is, for messages
   */
  public static Text ofBytes(Path file, String name) {
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(file + ": no such file; needed one to read bytes from");
    }
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          file + ": not a regular file; needed one to read bytes from");
    }
    CheckedFile bytes = CheckedFile.read(file, (chunk, count) -> {});
    if (bytes.size() == 0) {
      throw new IllegalArgumentException(name + ": empty; needed one byte at least");
    }
    return new Text(name, bytes, 0, bytes.size(), null, 0, 0);
  }

  /** What the text is, for messages: the path of a file. */
  public String name() {
    return name;
  }

  /** Its length in UTF-8, without a byte-order mark. */
  public long bytes() {
    return end - begin;
  }

  /** Whether it was opened as text, so that its characters are known. */
  public boolean hasCharacters() {
    return index != null;
  }

  /**
   * The number of its characters (Unicode code points).
   *
   * @throws IllegalArgumentException if it was opened as bytes
   */
  public long characters() {
    requireIndex();
    return characters;
  }

  CharacterIndex requireIndex() {
    if (index == null) {
      throw new IllegalArgumentException(
          name + ": was opened as bytes; for characters and words needed a text in UTF-8");
    }
    return index;
  }

  /**
   * The characters {@code from} to {@code to − 1}; of what was opened as bytes, those bytes.
   *
   * @throws IndexOutOfBoundsException if there are not as many
   */
  public Text part(long from, long to) {
    if (index == null) {
      Objects.checkFromToIndex(from, to, bytes());
      return new Text(name, bytes, begin + from, begin + to, null, 0, 0);
    }
    Objects.checkFromToIndex(from, to, characters);
    long first = firstCharacter + from;
    return new Text(
        name,
        bytes,
        index.offset(bytes, first),
        index.offset(bytes, firstCharacter + to),
        index,
        first,
        to - from);
  }

  /**
   * All of it in memory; bytes that are no text are U+FFFD.
   *
   * @throws IllegalArgumentException if it is longer than a Java string may be
   */
  public String string() {
    if (bytes() > Integer.MAX_VALUE - 16) {
      throw new IllegalArgumentException(
          name + ": " + bytes() + " bytes; a string needs at most " + (Integer.MAX_VALUE - 16));
    }
    byte[] all = new byte[(int) bytes()];
    bytes.read(begin, all, 0, all.length);
    return new String(all, StandardCharsets.UTF_8);
  }

  /** Reads its bytes in their order. */
  TextReader reader() {
    return new TextReader(bytes, begin, end);
  }

  /** One token a character. */
  Tokens characterTokens(BlockTokens.Encoder encoder) {
    BlockOffsets offsets = requireIndex().offsets();
    return new BlockTokens(bytes, offsets, begin, end, firstCharacter, characters, encoder);
  }

  /** One token a byte. */
  Tokens byteTokens(BlockTokens.Encoder encoder) {
    return new BlockTokens(
        bytes, block -> begin + block * BlockTokens.BLOCK, begin, end, 0, bytes(), encoder);
  }

  /** One token a piece. */
  Tokens pieceTokens(BlockTokens.Encoder encoder) {
    PieceIndex known = pieces();
    return new BlockTokens(bytes, known.offsets(), begin, end, 0, known.pieces(), encoder);
  }

  private PieceIndex pieces() {
    PieceIndex known = pieces;
    return known != null ? known : readPieces((piece, from, to) -> {});
  }

  /** Reads all pieces in their order, and keeps where they lie. */
  PieceIndex readPieces(PieceIndex.Reader reader) {
    requireIndex();
    PieceIndex read = PieceIndex.of(reader(), reader);
    pieces = read;
    return read;
  }

  @Override
  public String toString() {
    return "Text of " + bytes() + " bytes of " + name;
  }
}
