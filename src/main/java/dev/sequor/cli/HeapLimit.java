package dev.sequor.cli;

import java.io.IOException;
import java.util.Locale;

/** The most memory that Java's heap may take, as a bound that users meet. */
final class HeapLimit {
  private HeapLimit() {}

  /** Work that may be too large. */
  interface Work<T> {
    T run() throws IOException;
  }

  /** The bound in bytes. */
  static long bytes() {
    return Runtime.getRuntime().maxMemory();
  }

  /** The bound and how to move it, for the end of a message. */
  static String words() {
    return "Java's heap may have "
        + words((double) bytes())
        + " (more by SEQUOR_JAVA_OPTS=-Xmx..., if the machine has it)";
  }

  /** A number of bytes for people: {@code 1.5 GB}. */
  static String words(double bytes) {
    if (bytes < 1e6) {
      return String.format(Locale.ROOT, "%,.0f bytes", bytes);
    }
    return bytes < 1e9
        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%,.1f GB", bytes / 1e9);
  }

  /**
   * Refuses what cannot fit, before anything is allocated.
   *
   * @param what needs them, with its size
   * @param bytes needed at least
   * @throws IllegalArgumentException if there are not as many
   */
  static void require(String what, double bytes) {
    if (bytes > bytes()) {
      throw new IllegalArgumentException(what + " takes at least " + words(bytes) + "; " + words());
    }
  }

  /**
   * Does {@code work}, and says that {@code what} was too large where the memory ends in its midst:
   * some sizes are known only by trying.
   *
   * @throws IllegalArgumentException if so
   */
  static <T> T within(String what, Work<T> work) throws IOException {
    try {
      return work.run();
    } catch (OutOfMemoryError e) {
      throw new IllegalArgumentException(
          what + " does not fit the memory (" + e.getMessage() + "); " + words(), e);
    }
  }
}
