package dev.sequor.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads text, and refuses what is none. */
public final class TextFile {
  private static final int BYTE_ORDER_MARK = 0xFEFF;

  /** What a Java array holds, with some room for what the VM adds. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 16L;

  /** Reading holds a file's bytes, as many chars of two bytes, and a string of at least a byte. */
  private static final long HEAP_BYTES_A_BYTE = 4;

  /** So much of a file is looked at to tell an encoding without a byte-order mark. */
  private static final int GUESSED_BYTES = 4096;

  /** One character in so many at least is in Latin-1, in any language. */
  private static final int NARROW_PART = 16;

  private static final String NEEDED = "needed a text file in UTF-8";

  private TextFile() {}

  /**
   * The whole text of a file in UTF-8; a byte-order mark at its start is left out.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable, empty, larger than 2 GiB
   *     or than the heap has room for, in UTF-16 or UTF-32, holds a NUL byte, or is not UTF-8;
   *     names the file, the offset and what was needed
   */
  public static String read(Path file) {
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(file + ": no such file; " + NEEDED);
    }
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(file + ": not a regular file; " + NEEDED);
    }
    long size = 0;
    byte[] bytes;
    String text;
    try {
      size = Files.size(file);
      requireRoom(file, size);
      bytes = Files.readAllBytes(file);
      refuseOtherEncodings(file, bytes);
      text = decode(file, bytes);
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    } catch (OutOfMemoryError e) {
      throw new IllegalArgumentException(tooLarge(file, size), e);
    }
    if (text.isEmpty()) {
      throw new IllegalArgumentException(file + ": empty; " + NEEDED);
    }
    return text;
  }

  private static void requireRoom(Path file, long size) {
    if (size > MAX_BYTES) {
      throw new IllegalArgumentException(
          file + ": holds " + size + " bytes; needed at most " + MAX_BYTES);
    }
    if (size * HEAP_BYTES_A_BYTE > Runtime.getRuntime().maxMemory()) {
      throw new IllegalArgumentException(tooLarge(file, size));
    }
  }

  private static String tooLarge(Path file, long size) {
    return String.format(
        Locale.ROOT,
        "%s: holds %d bytes; reading it takes %d bytes of Java's heap, which may have %d in all"
            + " (more by -Xmx)",
        file,
        size,
        size * HEAP_BYTES_A_BYTE,
        Runtime.getRuntime().maxMemory());
  }

  private static void refuseOtherEncodings(Path file, byte[] bytes) {
    String marked = markedEncoding(bytes);
    if (marked != null) {
      throw new IllegalArgumentException(
          file + ": in " + marked + ", by its byte-order mark; " + conversion(marked));
    }
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        String guessed = guessedEncoding(bytes);
        throw new IllegalArgumentException(
            guessed == null
                ? file + ": NUL byte at offset " + i + ", so it is binary; " + NEEDED
                : file + ": in " + guessed + ", by its NUL bytes; " + conversion(guessed));
      }
    }
  }

  private static String conversion(String encoding) {
    return NEEDED + " (iconv -f " + encoding + " -t UTF-8)";
  }

  /** The encoding that a byte-order mark other than UTF-8's names, or null. */
  private static @Nullable String markedEncoding(byte[] bytes) {
    if (startsWith(bytes, 0xFF, 0xFE, 0, 0)) {
      return "UTF-32LE";
    }
    if (startsWith(bytes, 0, 0, 0xFE, 0xFF)) {
      return "UTF-32BE";
    }
    if (startsWith(bytes, 0xFF, 0xFE)) {
      return "UTF-16LE";
    }
    return startsWith(bytes, 0xFE, 0xFF) ? "UTF-16BE" : null;
  }

  private static boolean startsWith(byte[] bytes, int... start) {
    if (bytes.length < start.length) {
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
  private static @Nullable String guessedEncoding(byte[] bytes) {
    int length = Math.min(bytes.length, GUESSED_BYTES);
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
      if (bytes.length % unit.bytes == 0
          && control == 0
          && narrow * NARROW_PART >= units
          && isDecodable(unit.charset, bytes)) {
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

  private static boolean isDecodable(String charset, byte[] bytes) {
    ByteBuffer start =
        ByteBuffer.wrap(bytes, 0, Math.min(bytes.length, GUESSED_BYTES) & ~(Integer.BYTES - 1));
    // Not at its end: what is cut off there is not malformed.
    return !strict(Charset.forName(charset))
        .decode(start, CharBuffer.allocate(GUESSED_BYTES), false)
        .isError();
  }

  private static CharsetDecoder strict(Charset charset) {
    return charset
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT);
  }

  private static String decode(Path file, byte[] bytes) {
    CharsetDecoder decoder = strict(StandardCharsets.UTF_8);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    // UTF-8 never needs more chars than bytes.
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: byte 0x%02X at offset %d is not UTF-8; %s",
              file,
              bytes[in.position()],
              in.position(),
              NEEDED));
    }
    out.flip();
    if (out.hasRemaining() && out.charAt(0) == BYTE_ORDER_MARK) {
      out.get();
    }
    return out.toString();
  }
}
