package dev.sequor.cli;

import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.Svg;
import dev.sequor.report.Comparison;
import dev.sequor.report.TrainingRecord;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Trainings beside each other, in words and as JSON; the page is the library's. */
final class ComparisonReport implements Findings {
  private final Comparison comparison;

  ComparisonReport(Comparison comparison) {
    this.comparison = comparison;
  }

  @Override
  public void print(PrintWriter words) {
    words.println("losses in " + comparison.unit() + ":");
    for (Comparison.Training each : comparison.trainings()) {
      TrainingRecord record = each.record();
      words.printf(
          Locale.ROOT,
          "  %s: %s in training, %s on %s, best %s at step %,d; step %,d of %,d, %s%n",
          each.name(),
          loss(record.recentLoss()),
          loss(record.latest(record.subject().heldOut())),
          record.subject().heldOutName(),
          loss(each.bestLoss()),
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

  private static String loss(double loss) {
    return Double.isNaN(loss) ? "unknown" : String.format(Locale.ROOT, "%.4f", loss);
  }

  @Override
  public Map<String, ? extends @Nullable Object> json() {
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
    return result;
  }

  private static @Nullable Double known(double number) {
    return Double.isNaN(number) ? null : number;
  }

  @Override
  public HtmlPage page() {
    return comparison.page();
  }

  @Override
  public Svg picture() {
    return comparison.picture();
  }
}
