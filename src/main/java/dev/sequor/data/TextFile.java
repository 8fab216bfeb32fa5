package dev.sequor.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads text, and refuses what is none. */
public final class TextFile {
  private static final int BYTE_ORDER_MARK = 0xFEFF;

  /** What a Java array holds, with some room for what the VM adds. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 16L;

  private TextFile() {}

  /**
   * The whole text of a file in UTF-8; a byte-order mark at its start is left out.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable, empty, larger than 2 GiB,
   *     holds a NUL byte, or is not UTF-8; names the file, the offset and what was needed
   */
  public static String read(Path file) {
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(file + ": no such file; needed a text file in UTF-8");
    }
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          file + ": not a regular file; needed a text file in UTF-8");
    }
    byte[] bytes;
    try {
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw new IllegalArgumentException(
            file + ": holds " + size + " bytes; needed at most " + MAX_BYTES);
      }
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    }
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        throw new IllegalArgumentException(
            file + ": NUL byte at offset " + i + ", so it is binary; needed a text file in UTF-8");
      }
    }
    String text = decode(file, bytes);
    if (text.isEmpty()) {
      throw new IllegalArgumentException(file + ": empty; needed a text file in UTF-8");
    }
    return text;
  }

  private static String decode(Path file, byte[] bytes) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    // UTF-8 never needs more chars than bytes.
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      throw new IllegalArgumentException(
          String.format(
              "%s: byte 0x%02X at offset %d is not UTF-8; needed a text file in UTF-8",
              file, bytes[in.position()], in.position()));
    }
    out.flip();
    if (out.hasRemaining() && out.charAt(0) == BYTE_ORDER_MARK) {
      out.get();
    }
    return out.toString();
  }
}
