package dev.sequor.cli;

import dev.sequor.report.Comparison;
import dev.sequor.report.ReportFile;
import dev.sequor.report.TrainingRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows several trainings beside each other. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Shows several trainings beside each other.",
    description =
        "Trainings on the same data, by their reports (train --report) or by what the directories of"
            + " their models know: losses, speed, and what differs in their configurations.")
final class CompareCommand implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "REPORT|DIR",
      description = "A report, the directory of a model, or a folder of these.")
  private List<Path> paths = List.of();

  @Option(
      names = "--out",
      paramLabel = "FILE.html",
      preprocessor = Verbatim.class,
      description = "Writes a page with charts, which needs nothing but itself.")
  private @Nullable Path out;

  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    ReportFile page = out == null ? null : ReportFile.of("--out", out);
    Comparison comparison = ComparedTrainings.of(paths, console.notes());
    if (page != null) {
      page.write(comparison.page());
    }
    if (!console.isJson()) {
      print(comparison, console.words());
    }
    console.result(result(comparison));
    return 0;
  }

  private static void print(Comparison comparison, PrintWriter words) {
    words.println("losses in " + comparison.unit() + ":");
    for (Comparison.Training each : comparison.trainings()) {
      TrainingRecord record = each.record();
      words.printf(
          Locale.ROOT,
          "  %s: %.4f in training, %.4f on %s, best %.4f at step %,d; step %,d of %,d, %s%n",
          each.name(),
          record.recentLoss(),
          record.latest(record.subject().heldOut()),
          record.subject().heldOutName(),
          each.bestLoss(),
          each.bestStep(),
          record.lastStep(),
          record.totalSteps(),
          record.state().words());
    }
    words.println(
        comparison.differences().isEmpty() ? "all settings are the same" : "what differs:");
    comparison
        .differences()
        .forEach(
            (setting, values) -> words.println("  " + setting + ": " + String.join(" | ", values)));
    words.flush();
  }

  private Map<String, @Nullable Object> result(Comparison comparison) {
    List<Map<String, @Nullable Object>> trainings = new ArrayList<>();
    for (Comparison.Training each : comparison.trainings()) {
      TrainingRecord record = each.record();
      Map<String, @Nullable Object> figures = new LinkedHashMap<>();
      comparison.figures().forEach(name -> figures.put(name, known(record.latest(name))));
      Map<String, @Nullable Object> one = new LinkedHashMap<>();
      one.put("name", each.name());
      one.put("title", record.title());
      one.put("state", record.state().words());
      one.put("steps", record.lastStep());
      one.put("trainLoss", known(record.recentLoss()));
      one.put("heldOutLoss", known(record.latest(record.subject().heldOut())));
      one.put("bestHeldOutLoss", known(each.bestLoss()));
      one.put("bestStep", each.bestStep());
      one.put("seconds", known(each.seconds()));
      one.put("perSecond", known(each.perSecond()));
      one.put("figures", figures);
      trainings.add(one);
    }
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    result.put("unit", comparison.unit());
    result.put("trainings", trainings);
    result.put("differences", comparison.differences());
    result.put("equalSettings", comparison.equalSettings());
    result.put("page", out == null ? null : out.toString());
    return result;
  }

  private static @Nullable Double known(double number) {
    return Double.isNaN(number) ? null : number;
  }
}
