package dev.sequor.report;

import dev.sequor.io.DurableFile;
import dev.sequor.picture.HtmlPage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A file for a page of this program. */
public final class ReportFile {
  private static final String MARK = "<meta name=\"generator\" content=\"Sequor\"";
  private static final int BEGIN = 4096;

  private final String option;
  private final Path file;

  private ReportFile(String option, Path file) {
    this.option = option;
    this.file = file;
  }

  /**
   * A file that is to be written.
   *
   * @param option that names it, for the message
   * @throws IllegalArgumentException if its name does not end in .html, what is there is no page of
   *     this program, or its folder is not there or not to be written to
   */
  public static ReportFile of(String option, Path file) throws IOException {
    return of(option, file, null);
  }

  /**
   * The same.
   *
   * @param made a folder that may not be there yet; null for none
   */
  public static ReportFile of(String option, Path file, @Nullable Path made) throws IOException {
    if (!String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(".html")) {
      throw new IllegalArgumentException(
          option + " is " + file + "; needed a name that ends in .html");
    }
    if (Files.exists(file) && !isReport(file)) {
      throw new IllegalArgumentException(
          option
              + " is "
              + file
              + ", which is there and is no page of this program; needed another file");
    }
    Path folder = file.toAbsolutePath().normalize().getParent();
    boolean isMade = made != null && made.toAbsolutePath().normalize().equals(folder);
    if (folder != null && !Files.isDirectory(folder) && !isMade) {
      throw new IllegalArgumentException(
          option + " is " + file + "; needed a folder that is there");
    }
    if (folder != null && Files.isDirectory(folder) && !Files.isWritable(folder)) {
      throw new IllegalArgumentException(
          option + " is " + file + "; needed a folder that can be written to");
    }
    return new ReportFile(option, file);
  }

  private static boolean isReport(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      String begin = new String(in.readNBytes(BEGIN), StandardCharsets.UTF_8);
      return begin.startsWith("<!DOCTYPE html>") && begin.contains(MARK);
    }
  }

  /** Where it is. */
  public Path path() {
    return file;
  }

  /** What names it, for messages. */
  String option() {
    return option;
  }

  /**
   * Writes it, in place of a page that is there.
   *
   * @throws IOException if it cannot be written; what was there is intact then
   */
  public void write(HtmlPage page) throws IOException {
    DurableFile.write(file, page.bytes());
  }
}
