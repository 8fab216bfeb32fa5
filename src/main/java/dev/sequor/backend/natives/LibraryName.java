package dev.sequor.backend.natives;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Has a library that was unpacked ask for another one than it was linked with. */
public final class LibraryName {
  private LibraryName() {}

  /**
   * Replaces a name in the strings that the loader reads. There it stands once, for the library
   * that is needed, as well as for a version of its symbols if that has the same name; what the
   * loader compares a version by is a hash, which has to be the same for both names.
   *
   * @param file of the library, which nobody has loaded yet
   * @param to has as many letters, and the same hash
   * @throws LibraryUnavailableException if the name does not stand there once
   */
  public static void replace(Path file, String from, String to) {
    if (from.length() != to.length() || hash(from) != hash(to)) {
      throw new IllegalArgumentException(to + " has not the length and the hash of " + from);
    }
    try {
      byte[] bytes = Files.readAllBytes(file);
      byte[] wanted = ("\0" + from + "\0").getBytes(StandardCharsets.US_ASCII);
      int at = find(bytes, wanted, 0);
      if (at < 0 || find(bytes, wanted, at + 1) >= 0) {
        throw new LibraryUnavailableException(
            file.getFileName() + " does not ask for " + from + " in one place",
            "use the version of JCuda that this library was made for",
            null);
      }
      byte[] name = to.getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(name, 0, bytes, at + 1, name.length);
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new LibraryUnavailableException(
          file + " cannot be changed: " + e.getMessage(), Places.CURE, e);
    }
  }

  private static int find(byte[] bytes, byte[] wanted, int from) {
    for (int i = from; i <= bytes.length - wanted.length; i++) {
      if (Arrays.equals(bytes, i, i + wanted.length, wanted, 0, wanted.length)) {
        return i;
      }
    }
    return -1;
  }

  /** That of the System V ABI, by which versions of symbols are found. */
  static int hash(String name) {
    int hash = 0;
    for (byte letter : name.getBytes(StandardCharsets.US_ASCII)) {
      hash = (hash << 4) + letter;
      int high = hash & 0xf0000000;
      hash = (hash ^ (high >>> 24)) & ~high;
    }
    return hash;
  }
}
