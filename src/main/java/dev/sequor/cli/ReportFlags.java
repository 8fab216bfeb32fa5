package dev.sequor.cli;

import dev.sequor.report.ReportFile;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a training is shown. */
final class ReportFlags {
  @Option(
      names = "--report",
      paramLabel = "FILE.html",
      preprocessor = Verbatim.class,
      description =
          "Keep a page with charts of the training, which needs nothing but itself; with --resume"
              + " it goes on.")
  private @Nullable Path report;

  @Range("[0,65535]")
  @Option(
      names = "--live",
      paramLabel = "PORT",
      arity = "0..1",
      preprocessor = LivePort.class,
      description =
          "Serve that page to this machine alone while the training runs; without PORT, or with 0,"
              + " at any free port.")
  private @Nullable Integer port;

  @Option(
      names = "--tensorboard",
      paramLabel = "DIR",
      preprocessor = Verbatim.class,
      description = "Write a file of events for TensorBoard into DIR.")
  private @Nullable Path events;

  /**
   * Refuses what can be no report, before anything else is done.
   *
   * @param directory of the model, which may have to be made first
   */
  TrainingReports open(@Nullable Path directory) throws IOException {
    ReportFile file = report == null ? null : ReportFile.of("--report", report, directory);
    if (events != null) {
      EventFile.check(events);
    }
    return new TrainingReports(file, port == null ? null : LivePage.open(port), events);
  }
}
