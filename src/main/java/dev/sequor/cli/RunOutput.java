package dev.sequor.cli;

import dev.sequor.data.FileFault;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file that a run writes besides its model. A failure to write ends the file and not the run:
 * what that has to save is worth more; {@link #complaint} says so at its end.
 */
final class RunOutput implements AutoCloseable {
  private final String option;
  private final Path file;
  private @Nullable OutputStream out;
  private @Nullable IOException failure;

  /**
   * A file that is open.
   *
   * @param option that names it, for the complaint
   * @param out is closed with this
   */
  RunOutput(String option, Path file, OutputStream out) {
    this.option = option;
    this.file = file;
    this.out = out;
  }

  /** Writes to the file. */
  interface Writing {
    void to(OutputStream out) throws IOException;
  }

  /** Writes, unless that has failed before. */
  void write(Writing writing) {
    OutputStream open = out;
    if (open != null) {
      try {
        writing.to(open);
      } catch (IOException e) {
        failure = e;
        close();
      }
    }
  }

  /**
   * Requires that all has been written so far.
   *
   * @throws IOException that which it failed with
   */
  void requireWhole() throws IOException {
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * What went wrong, in one line; null if nothing did.
   *
   * @param what is not whole then: {@code the log is}
   */
  @Nullable String complaint(String what) {
    return failure == null
        ? null
        : option
            + " "
            + FileFault.describe(file, failure)
            + "; "
            + what
            + " not whole, the model is";
  }

  @Override
  public void close() {
    OutputStream open = out;
    out = null;
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        failure = failure == null ? e : failure;
      }
    }
  }
}
