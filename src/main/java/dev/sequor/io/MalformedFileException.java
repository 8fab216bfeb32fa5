package dev.sequor.io;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file does not have the form it should, or cannot be read; the message names the file, what is
 * wrong, and why.
 */
public class MalformedFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** {@code file: problem}. */
  public MalformedFileException(Path file, String problem) {
    super(file + ": " + problem);
  }

  /** {@code file: problem}, with the cause. */
  public MalformedFileException(Path file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }
}
