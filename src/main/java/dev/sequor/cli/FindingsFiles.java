package dev.sequor.cli;

import dev.sequor.report.ReportFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whether a page or a picture of what was found out is wanted, besides words or JSON. */
final class FindingsFiles {
  private static final String REPORT = "--report";
  private static final String PICTURE = "--picture";

  @Option(
      names = REPORT,
      paramLabel = "FILE.html",
      preprocessor = Verbatim.class,
      description = "Writes a page with pictures, which needs nothing but itself.")
  private @Nullable Path report;

  @Option(
      names = PICTURE,
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Writes the picture that says most, alone, into a file whose name ends in .svg or .png.")
  private @Nullable Path picture;

  /**
   * Requires, before there is anything to lose, that they can be written.
   *
   * @throws IllegalArgumentException as {@link ReportFile#of} and {@link PictureFile#of} do
   */
  void check() throws IOException {
    if (report != null) {
      ReportFile.of(REPORT, report);
    }
    if (picture != null) {
      PictureFile.of(PICTURE, picture);
    }
  }

  /** Writes what is wanted, and says what was found in words or as JSON. */
  void write(Findings findings, Console console) throws IOException {
    Map<String, @Nullable Object> result = new LinkedHashMap<>(findings.json());
    if (report != null) {
      ReportFile.of(REPORT, report).write(findings.page());
      result.put("report", report.toString());
    }
    if (picture != null) {
      PictureFile.of(PICTURE, picture).write(findings.picture());
      result.put("picture", picture.toString());
    }
    if (!console.isJson()) {
      findings.print(console.words());
    }
    console.result(result);
  }
}
