package dev.sequor.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import org.jspecify.annotations.Nullable;

/** The terminal that shows what the program prints, if there is one. */
final class Terminal {
  /**
   * Java cannot tell whether stderr is a terminal when stdout is not; the launcher can, and says so
   * here.
   */
  private static final String SHOWS_STDERR = "sequor.terminal";

  /** How wide the launcher found it. */
  private static final String COLUMNS = "sequor.columns";

  /** What programs count on that know no more, libraries too. */
  private static final int USUAL_COLUMNS = 80;

  /** Behind the bar, as some terminals begin a new line once one is full. */
  private static final int MARGIN = 1;

  private static final int MIN_COLUMNS = 20;
  private static final int MAX_COLUMNS = 1000;

  /** Longer lines are hard to read, and of shorter ones the parser makes no tables. */
  private static final int MAX_HELP_COLUMNS = 110;

  private static final int MIN_HELP_COLUMNS = 55;

  private Terminal() {}

  /** Whether stderr goes there. */
  static boolean showsStderr() {
    return Boolean.getBoolean(SHOWS_STDERR);
  }

  /** How wide a page of help is. */
  static int helpColumns() {
    int columns = firstOf(columns(System.getenv("COLUMNS")), columns(System.getProperty(COLUMNS)));
    return Math.max(MIN_HELP_COLUMNS, Math.min(columns, MAX_HELP_COLUMNS));
  }

  private static int firstOf(int... columns) {
    for (int each : columns) {
      if (each > 0) {
        return Math.max(MIN_COLUMNS, Math.min(each, MAX_COLUMNS));
      }
    }
    return USUAL_COLUMNS;
  }

  /** The number that {@code text} is; 0 if it is none. */
  private static int columns(@Nullable String text) {
    return text != null && text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : 0;
  }

  /** Writes a line on stderr over and over again. */
  static final class Line extends ConsoleProgressBarConsumer {
    Line() {
      super(
          new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    }

    /**
     * What the environment says, or how wide the terminal of stdout is now. Where that is none, the
     * library says 80; then it is what the launcher found.
     */
    @Override
    public int getMaxRenderedLength() {
      int now = super.getMaxRenderedLength() + MARGIN;
      return firstOf(
              columns(System.getenv("COLUMNS")),
              now == USUAL_COLUMNS ? 0 : now,
              columns(System.getProperty(COLUMNS)))
          - MARGIN;
    }
  }
}
