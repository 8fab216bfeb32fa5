package dev.sequor.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Reads a text into memory, and refuses what is none; {@link Text#ofFile} is for those that are
 * larger.
 */
public final class TextFile {
  /** What a Java array holds, with some room for what the VM adds. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 16L;

  /** Reading holds a file's bytes, and a string of up to two bytes for each. */
  private static final long HEAP_BYTES_A_BYTE = 3;

  private TextFile() {}

  /**
   * The whole text of a file in UTF-8; a byte-order mark at its start is left out.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable, empty, larger than 2 GiB
   *     or than the heap has room for, in UTF-16 or UTF-32, holds a NUL byte, or is not UTF-8;
   *     names the file, the offset and what was needed
   */
  public static String read(Path file) {
    return read(file, file.toString());
  }

  /**
   * The same of a file that stands for something else.
   *
   * @param name what it is, for messages
   */
  public static String read(Path file, String name) {
    long size = size(file);
    String text;
    try {
      requireRoom(name, size);
      byte[] bytes = Files.readAllBytes(file);
      TextScan scan = new TextScan(name, bytes.length);
      scan.take(bytes, bytes.length);
      int begin = (int) scan.end().begin();
      text = new String(bytes, begin, bytes.length - begin, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    } catch (OutOfMemoryError e) {
      throw new IllegalArgumentException(tooLarge(name, size), e);
    }
    if (text.isEmpty()) {
      throw new IllegalArgumentException(empty(name));
    }
    return text;
  }

  /**
   * The length of a file that may hold text.
   *
   * @throws IllegalArgumentException if there is no such file, or its length cannot be told
   */
  static long size(Path file) {
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(file + ": no such file; " + TextScan.NEEDED);
    }
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(file + ": not a regular file; " + TextScan.NEEDED);
    }
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    }
  }

  static String empty(String name) {
    return name + ": empty; " + TextScan.NEEDED;
  }

  private static void requireRoom(String name, long size) {
    if (size > MAX_BYTES) {
      throw new IllegalArgumentException(
          name + ": holds " + size + " bytes; needed at most " + MAX_BYTES);
    }
    if (size * HEAP_BYTES_A_BYTE > Runtime.getRuntime().maxMemory()) {
      throw new IllegalArgumentException(tooLarge(name, size));
    }
  }

  private static String tooLarge(String name, long size) {
    return String.format(
        Locale.ROOT,
        "%s: holds %d bytes; reading it takes %d bytes of Java's heap, which may have %d in all"
            + " (more by -Xmx)",
        name,
        size,
        size * HEAP_BYTES_A_BYTE,
        Runtime.getRuntime().maxMemory());
  }
}
