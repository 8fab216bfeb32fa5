package dev.sequor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whether a page of what was found out is wanted, besides words or JSON. */
final class ReportOption {
  private static final String NAME = "--report";

  @Option(
      names = NAME,
      paramLabel = "FILE.html",
      preprocessor = Verbatim.class,
      description = "Writes a page with charts, which needs nothing but itself.")
  private @Nullable Path report;

  /**
   * Requires, before there is anything to lose, that the page can be written.
   *
   * @throws IllegalArgumentException as {@link ReportFile#of} does
   */
  void check() throws IOException {
    if (report != null) {
      ReportFile.of(NAME, report);
    }
  }

  /** Writes the page if it is wanted, and says what was found in words or as JSON. */
  void say(Findings findings, Console console) throws IOException {
    if (report != null) {
      ReportFile.of(NAME, report).write(findings.page());
    }
    if (!console.isJson()) {
      findings.print(console.words());
    }
    Map<String, Object> result = new LinkedHashMap<>(findings.json());
    if (report != null) {
      result.put("report", report.toString());
    }
    console.result(result);
  }
}
