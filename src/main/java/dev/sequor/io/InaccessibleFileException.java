package dev.sequor.io;

import dev.sequor.data.FileFault;
import java.io.IOException;
import java.nio.file.Path;

/** A file could not be read or written; the message names the file and the reason in words. */
public class InaccessibleFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** {@code file: reason}, by {@link FileFault}. */
  public InaccessibleFileException(Path file, IOException cause) {
    super(FileFault.describe(file, cause), cause);
  }
}
