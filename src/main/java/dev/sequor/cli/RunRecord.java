package dev.sequor.cli;

import dev.sequor.backend.DeviceGroup;
import dev.sequor.data.DataSpec;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.DataSource;
import dev.sequor.io.RecordJson;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.report.Environment;
import dev.sequor.report.ModelName;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a run of {@code train} says of itself in its report. */
final class RunRecord {
  /** The figure of the loss on what is held out. */
  static final String HELD_OUT = "held-out loss";

  private RunRecord() {}

  /**
   * A run that begins or goes on, with the curve that its checkpoint has.
   *
   * @param done steps made before
   */
  static TrainingRecord of(Training.Start start, DeviceGroup devices, long done) {
    Subject subject = start.subject();
    TrainingRecord record =
        record(
            subject.name() + ", " + start.modelInWords(),
            subject.name() + ": " + subject.size() + ".",
            subject.heldOutName(),
            subject.data(),
            start.model(),
            start.optimizer(),
            start.clipping(),
            start.run(),
            Environment.of(devices.name()));
    return record.after(withCurve(record, start.run().curve()), done);
  }

  /** The run of a checkpoint: what is known of it without its report. */
  static TrainingRecord of(Checkpoint checkpoint, TrainingRun run) {
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("device", run.backend());
    TrainingRecord record =
        record(
            run.source().name() + ", " + ModelName.of(checkpoint.model()),
            run.source().name(),
            "held-out data",
            checkpoint.data(),
            checkpoint.model(),
            checkpoint.optimizer(),
            checkpoint.clipping(),
            run,
            environment);
    TrainingRecord known = withCurve(record, run.curve());
    boolean complete = checkpoint.snapshot().progress().steps() >= run.totalSteps();
    return complete ? known.in(TrainingRecord.State.COMPLETED) : known;
  }

  private static TrainingRecord record(
      String title,
      String name,
      String heldOutName,
      @Nullable DataSpec data,
      ModelSpec model,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run,
      Map<String, String> environment) {
    Measure measure = measure(data);
    TrainingRecord.Subject subject =
        new TrainingRecord.Subject(
            name,
            identity(run.source(), data),
            measure.unit(),
            measure.nouns(),
            HELD_OUT,
            heldOutName);
    return TrainingRecord.begin(
        title,
        subject,
        configuration(data, model, optimizer, clipping, run),
        environment,
        run.totalSteps(),
        clipping.globalNorm());
  }

  private static Measure measure(@Nullable DataSpec data) {
    return data == null
        ? Measure.SEQUENCES
        : data instanceof Vocabulary vocabulary ? Measure.of(vocabulary) : Measure.ROWS;
  }

  /** Equal for trainings whose losses may be compared. */
  private static String identity(DataSource source, @Nullable DataSpec data) {
    if (source instanceof DataSource.Task task) {
      return "task " + task.task() + " " + task.length() + " " + task.sha256();
    } else if (source instanceof DataSource.Table table && data instanceof TableSpec spec) {
      String goal = spec.goal() instanceof TableGoal.Forecast ? "forecast" : "classes";
      return "table " + table.sha256() + " " + goal + " of " + spec.goal().targetName();
    } else if (source instanceof DataSource.Text text) {
      return "text " + text.sha256();
    }
    throw new IllegalStateException("unknown source " + source);
  }

  private static Map<String, String> configuration(
      @Nullable DataSpec data,
      ModelSpec model,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run) {
    Map<String, String> configuration = new LinkedHashMap<>();
    configuration.putAll(RecordJson.settings("model", model));
    configuration.putAll(RecordJson.settings("optimizer", optimizer));
    configuration.putAll(RecordJson.settings("clipping", clipping));
    configuration.put("schedule", run.schedule().name());
    configuration.put("sequence length", String.valueOf(run.sequenceLength()));
    configuration.put("new steps", String.valueOf(run.newSteps()));
    configuration.put("batch size", String.valueOf(run.batchSize()));
    configuration.put("seed", String.valueOf(run.seed()));
    if (run.source() instanceof DataSource.Text text) {
      configuration.put("held-out fraction", String.valueOf(text.heldOutFraction()));
    }
    if (data instanceof TableSpec spec) {
      configuration.putAll(RecordJson.settings("table", spec));
    }
    return configuration;
  }

  private static TrainingRecord withCurve(TrainingRecord record, TrainingRun.Curve curve) {
    List<Point> points = new ArrayList<>();
    long before = 0;
    for (TrainingRun.Point point : curve.training()) {
      points.add(Point.ofLoss(point.step(), point.step() - before, point.loss()));
      before = point.step();
    }
    List<Judgement> judgements =
        curve.heldOut().stream()
            .map(point -> new Judgement(point.step(), Map.of(HELD_OUT, point.loss())))
            .toList();
    return record.with(points, judgements);
  }
}
