package dev.sequor.fit;

import dev.sequor.io.FitState.Validation;
import dev.sequor.io.RecordJson;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.report.Environment;
import dev.sequor.report.ModelName;
import dev.sequor.report.ReportFile;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.State;
import dev.sequor.report.TrainingRecorder;
import dev.sequor.report.TrainingReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The report of a fit, if there is to be one. */
final class FitReport {
  private static final TrainingRecord.Subject SUBJECT =
      new TrainingRecord.Subject(
          "", "", "mean loss", "predictions", Metric.LOSS.name(), "validation data");

  private final double clipping;
  private final @Nullable ReportFile file;
  private @Nullable TrainingReport report;
  private TrainingObserver observer = TrainingObserver.all(List.of());
  private double seconds;

  /**
   * Refuses what can be no report.
   *
   * @throws IllegalArgumentException saying why
   */
  FitReport(Fit fit, Trainer trainer) {
    this.clipping = trainer.clipping().globalNorm();
    Path path = fit.report;
    try {
      this.file = path == null ? null : ReportFile.of("report", path, fit.directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /**
   * Begins, or goes on where the report of the same fit ends.
   *
   * @param history the validations before
   * @param resumed whether steps were made before
   */
  void begin(Fit fit, Trainer trainer, long lastStep, List<Validation> history, boolean resumed) {
    if (file == null) {
      return;
    }
    TrainingRecord record =
        TrainingRecord.begin(
                "A fit of " + ModelName.of(trainer.model().spec()),
                SUBJECT,
                configuration(fit, trainer),
                Environment.of(trainer.device()),
                lastStep,
                clipping)
            .with(points(history), judgements(history));
    long done = trainer.progress().steps();
    try {
      TrainingRecorder recorder =
          new TrainingRecorder(resumed ? TrainingReport.goneOnWith(file, record, done) : record);
      if (resumed) {
        recorder.happened(Event.of(done, "gone on with"));
      }
      report = new TrainingReport(file, recorder);
      observer = TrainingObserver.all(List.of(recorder, report));
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private static Map<String, String> configuration(Fit fit, Trainer trainer) {
    Map<String, String> configuration = new LinkedHashMap<>();
    configuration.putAll(RecordJson.settings("model", trainer.model().spec()));
    configuration.putAll(RecordJson.settings("optimizer", trainer.optimizer()));
    configuration.putAll(RecordJson.settings("clipping", trainer.clipping()));
    // The name of any other object is another one each time.
    configuration.put(
        "schedule",
        fit.schedule instanceof Record known
            ? known.toString()
            : fit.schedule.getClass().getSimpleName());
    configuration.put("seed", String.valueOf(trainer.progress().seed()));
    configuration.put("windows of an update", String.valueOf(fit.windowsPerUpdate));
    configuration.put("decay of the averaged weights", String.valueOf(fit.averageDecay));
    configuration.put("monitor", fit.monitor.name());
    configuration.put(
        "metrics", fit.metrics.stream().map(Metric::name).collect(Collectors.joining(", ")));
    if (fit.stopping != null) {
      configuration.put("early stopping", fit.stopping.toString());
    }
    if (fit.plateaus != null) {
      configuration.put("rate on plateaus", fit.plateaus.toString());
    }
    return configuration;
  }

  private static List<Point> points(List<Validation> history) {
    List<Point> points = new ArrayList<>();
    long before = 0;
    for (Validation validation : history) {
      points.add(
          Point.ofLoss(validation.step(), validation.step() - before, validation.trainingLoss()));
      before = validation.step();
    }
    return points;
  }

  private static List<Judgement> judgements(List<Validation> history) {
    return history.stream()
        .map(validation -> new Judgement(validation.step(), validation.values()))
        .toList();
  }

  /**
   * Some steps were made.
   *
   * @param steps how many
   * @param taken seconds that they took
   * @param rate their learning rate
   */
  void progressed(TrainStep step, long steps, double taken, double rate) {
    seconds += taken;
    double predictions = (double) steps * step.loss().predictions();
    observer.progressed(
        Point.report(
            step.step(),
            steps,
            step.loss().mean(),
            step.gradientNorm(),
            rate,
            clipping,
            step.skipped(),
            predictions / taken,
            seconds));
  }

  /** The model was judged. */
  void validated(Validation validation) {
    observer.judged(new Judgement(validation.step(), validation.values()));
  }

  /**
   * The fit has ended.
   *
   * @param words what there is to say of it
   */
  void ended(State state, long step, String words) {
    observer.happened(Event.of(step, words));
    observer.ended(state);
  }

  /**
   * Says what went wrong, after a fit that did not.
   *
   * @throws UncheckedIOException if the report is not whole
   */
  void requireWhole() {
    String complaint = report == null ? null : report.complaint();
    if (complaint != null) {
      throw new UncheckedIOException(complaint, new IOException(complaint));
    }
  }
}
