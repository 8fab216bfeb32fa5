package dev.sequor.cli;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * The encoding in which Java reads arguments and names of files: the locale's, fixed when the
 * process starts. In the locale C, which containers have unless told otherwise, it is ASCII, and
 * every other character has become U+FFFD before the program sees it.
 */
final class JavaLocale {
  private static final int LOST = 0xFFFD;

  private JavaLocale() {}

  private static String encoding() {
    return System.getProperty("sun.jnu.encoding", "");
  }

  private static boolean isUnicode() {
    try {
      return Charset.forName(encoding()).equals(StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** What to do about it, for the end of a message. */
  static String cure() {
    return "in this locale Java reads and writes "
        + encoding()
        + "; set the environment variable LC_ALL=C.UTF-8";
  }

  /**
   * Refuses arguments of which characters were lost on their way here.
   *
   * @throws IllegalArgumentException naming the first
   */
  static void requireReadable(String... arguments) {
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].indexOf(LOST) >= 0 && !isUnicode()) {
        throw new IllegalArgumentException(
            "argument "
                + (i + 1)
                + (i == 0 ? "" : " (after " + arguments[i - 1] + ")")
                + " has characters that are lost: "
                + cure());
      }
    }
  }

  /**
   * The file of this name.
   *
   * @throws IllegalArgumentException if Java cannot find it in this locale: its name has other
   *     characters, or that of the working directory has and it is relative to that
   */
  static Path path(String name) {
    Path path;
    try {
      path = Path.of(name);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("'" + name + "' cannot name a file: " + cure(), e);
    }
    boolean lost = System.getProperty("user.dir", "").indexOf(LOST) >= 0;
    if (lost && !path.isAbsolute() && !isUnicode()) {
      throw new IllegalArgumentException(
          "'" + name + "' is in a folder whose name has characters that are lost: " + cure());
    }
    return path;
  }
}
