package dev.sequor.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Stdout or stderr of the process. The print streams of Java swallow what goes wrong; this keeps
 * the first failure, so that output that nobody got does not pass for success. What is written
 * after it is dropped, and the program goes on: what it has to save is worth more.
 */
final class StandardStream extends OutputStream {
  private static final int FILE_TYPE = 0170000;
  private static final int PIPE = 0010000;
  private static final int SOCKET = 0140000;

  private final String name;
  private final Path descriptor;
  private final OutputStream target;
  private volatile @Nullable IOException failure;

  private StandardStream(String name, int number, FileDescriptor descriptor) {
    this.name = name;
    this.descriptor = Path.of("/proc/self/fd/" + number);
    this.target = new FileOutputStream(descriptor);
  }

  /** Where results go. */
  static StandardStream out() {
    return new StandardStream("stdout", 1, FileDescriptor.out);
  }

  /** Where all else goes. */
  static StandardStream err() {
    return new StandardStream("stderr", 2, FileDescriptor.err);
  }

  /** Texts and samples are UTF-8 wherever the program runs. */
  PrintWriter writer() {
    return new PrintWriter(new OutputStreamWriter(this, StandardCharsets.UTF_8), true);
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    if (failure == null) {
      try {
        target.write(bytes, offset, length);
      } catch (IOException e) {
        failure = e;
      }
    }
  }

  /** What could not be written and why, in one line; null if all was, or nobody wanted the rest. */
  @Nullable String complaint() {
    IOException cause = failure;
    if (cause == null || isPipe(cause)) {
      return null;
    }
    return name + " cannot be written (" + cause.getMessage() + "); what was printed is not whole";
  }

  /**
   * Whether this goes to another program. Writing to one fails only where it has stopped reading,
   * as {@code head} does, and the texts of the system's errors depend on its language.
   */
  private boolean isPipe(IOException cause) {
    try {
      int type = (Integer) Files.getAttribute(descriptor, "unix:mode") & FILE_TYPE;
      return type == PIPE || type == SOCKET;
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      return String.valueOf(cause.getMessage()).contains("Broken pipe");
    }
  }
}
