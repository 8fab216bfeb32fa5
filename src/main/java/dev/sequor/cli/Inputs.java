package dev.sequor.cli;

import dev.sequor.data.FileFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.jspecify.annotations.Nullable;

/**
 * Files that a command reads, by the names that it was given. {@code -} stands for standard input:
 * texts are read from any position, so that is kept in a temporary file, which only the user can
 * read and which is gone when the command ends.
 */
final class Inputs implements AutoCloseable {
  /** What stands for standard input, on the command line and in a checkpoint. */
  static final String STANDARD_INPUT = "-";

  private static final String IN_WORDS = "standard input";

  private @Nullable Path kept;

  /**
   * What a name stands for.
   *
   * @param path where it can be read
   * @param name for messages
   * @param stored what a checkpoint says of it: an absolute path, or {@code -}
   */
  record InputFile(Path path, String name, String stored) {}

  /**
   * The file of this name.
   *
   * @throws IOException if standard input cannot be read or kept
   */
  InputFile file(Path given) throws IOException {
    if (given.toString().equals(STANDARD_INPUT)) {
      return new InputFile(keep(), IN_WORDS, STANDARD_INPUT);
    }
    return new InputFile(given, given.toString(), given.toAbsolutePath().normalize().toString());
  }

  /** The file that a checkpoint names, which cannot be standard input: nobody has it any more. */
  static Path stored(Path directory, String option, String file) {
    if (file.equals(STANDARD_INPUT)) {
      throw new IllegalArgumentException(
          directory
              + " was trained on standard input, which is gone; needed "
              + option
              + " FILE with the same, or "
              + option
              + " - to read it again");
    }
    return JavaLocale.path(file);
  }

  /** Of what a checkpoint says of a file the last name. */
  static String shortName(String stored) {
    return stored.equals(STANDARD_INPUT) ? "stdin" : String.valueOf(Path.of(stored).getFileName());
  }

  private Path keep() throws IOException {
    if (kept == null) {
      Path file = Files.createTempFile("sequor-stdin-", "");
      file.toFile().deleteOnExit(); // Should the process be stopped before the end.
      kept = file;
      InputStream in = System.in;
      try {
        Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException e) {
        throw new IOException(
            "standard input cannot be kept in " + file + ": " + FileFault.reason(e), e);
      }
    }
    return kept;
  }

  @Override
  public void close() {
    if (kept != null) {
      try {
        Files.deleteIfExists(kept);
      } catch (IOException e) {
        // The end of the process tries again.
      }
    }
  }
}
