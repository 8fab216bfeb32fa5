package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.WeightStorage;
import dev.sequor.cli.Subject.Effort;
import dev.sequor.data.PrefetchedWindows;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.report.ModelName;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Trains a model on one device, or several, and keeps its checkpoint.
 *
 * <p>Everything that the weights depend on is in the checkpoint; when and how often a run is
 * stopped, judged or stored changes nothing in them.
 */
final class Training implements AutoCloseable {
  /** Often enough to watch, seldom enough that a GPU does not wait for the host. */
  private static final int STEPS_PER_REPORT = 10;

  /** Judgements along the way are for the plot: this many in a run. */
  private static final int JUDGEMENTS = 10;

  /**
   * So wrong is only a model whose weights were driven off: to lose as many bits, the outputs of a
   * character and of its rivals have to be 700 apart.
   */
  private static final double MOST_LOSS = 1000;

  private final Start start;
  private final TrainingRun run;
  private final LossCurve curve;
  private final SequenceModel model;
  private final Trainer trainer;
  private final PrefetchedWindows windows;
  private @Nullable Path directory;
  private long savedSteps = -1;

  /**
   * All that a run starts from.
   *
   * @param subject what is learned; stays the caller's
   * @param snapshot what to go on from; null for new weights
   */
  record Start(
      Subject subject,
      ModelSpec model,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run,
      @Nullable TrainerSnapshot snapshot) {
    /** The same, prepared for devices. */
    Start on(DeviceGroup devices) {
      return new Start(
          subject, model, optimizer, clipping, run.withBackend(devices.name()), snapshot);
    }

    /** The model in a few words. */
    String modelInWords() {
      return ModelName.of(model);
    }
  }

  /**
   * What a call of {@link #train} did.
   *
   * @param steps steps taken
   * @param seconds time taken, judgements and checkpoints included
   * @param learnedPerSecond how much was learned from in a second of that time
   */
  record Pace(long steps, double seconds, double learnedPerSecond) {}

  /** Prepares a run. */
  Training(DeviceGroup devices, Start start) {
    Backend backend = devices.first();
    this.start = start;
    this.run = start.run();
    this.curve = new LossCurve(run.curve(), run.totalSteps());
    TrainerSnapshot snapshot = start.snapshot();
    this.model =
        snapshot == null
            ? new SequenceModel(backend, start.model(), run.seed())
            : SequenceModel.of(
                backend, start.model(), snapshot.parameters(), WeightStorage.FLOAT32);
    try {
      this.trainer = new Trainer(devices, model, start.optimizer(), start.clipping(), run.seed());
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
    this.windows = new PrefetchedWindows(start.subject().windows());
    try {
      if (snapshot != null) {
        trainer.restore(snapshot);
        savedSteps = steps();
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Steps learned from so far, by all calls and the runs before. */
  long steps() {
    return trainer.progress().steps();
  }

  /**
   * From here on the checkpoint is kept in {@code directory}; it is there when this returns.
   *
   * @throws IllegalArgumentException if the weights to go on from are spoilt
   * @throws IOException if it cannot be written
   */
  void keepIn(Path directory) throws IOException {
    this.directory = directory;
    double loss = judge(Effort.CHECK);
    if (!isSane(loss)) {
      throw new IllegalArgumentException(
          directory
              + ": the model loses "
              + inWords(loss)
              + " on the "
              + start.subject().heldOutName()
              + " of "
              + start.subject().name()
              + "; its weights are spoilt");
    }
    save();
  }

  /**
   * Trains until the run is complete or interrupted, and saves.
   *
   * @param log gets what every step or so reports; null for none
   * @param observer is told the same
   * @throws DivergedException if the loss has left all sense; the last good checkpoint is kept
   */
  Pace train(
      Progress progress,
      Interruption interruption,
      @Nullable TrainingLog log,
      TrainingObserver observer)
      throws IOException {
    try {
      return trainAndSave(progress, interruption, log, observer);
    } catch (DivergedException e) {
      throw new DivergedException(
          e.step(),
          "the training diverged at step "
              + e.step()
              + ": "
              + e.getMessage()
              + "; "
              + directory
              + " keeps the checkpoint of step "
              + savedSteps
              + "; try anew with a lower --lr than "
              + start.optimizer().learningRate()
              + (start.clipping().globalNorm() > 0
                  ? " or a lower --clip than " + start.clipping().globalNorm()
                  : " or with --clip"));
    }
  }

  private Pace trainAndSave(
      Progress progress,
      Interruption interruption,
      @Nullable TrainingLog log,
      TrainingObserver observer)
      throws IOException {
    long startSteps = steps();
    long startNanos = System.nanoTime();
    Measure measure = start.subject().measure();
    long judgementInterval = (run.totalSteps() - 1) / JUDGEMENTS + 1;
    while (steps() < run.totalSteps() && !interruption.isRequested()) {
      long before = steps();
      long beginNanos = System.nanoTime();
      float rate = run.schedule().rate(start.optimizer().learningRate(), before, run.totalSteps());
      trainer.learningRate(rate);
      TrainStep step = trainer.steps(windows, stepsUntilReport(judgementInterval));
      Pace pace = pace(step.step() - before, (System.nanoTime() - beginNanos) * 1e-9);
      double loss = measure.of(step.loss());
      if (!step.skipped()) {
        requireSane("in training", loss);
      }
      curve.addStep(step.step(), loss);
      progress.update(step.step(), curve.recent());
      boolean last = step.step() >= run.totalSteps();
      BatchLoss heldOut = null;
      if ((step.step() % judgementInterval == 0 || last) && !curve.hasHeldOut(step.step())) {
        heldOut = start.subject().judge(model, Effort.WATCH);
        requireSane("on " + start.subject().heldOutName(), measure.of(heldOut));
        curve.addHeldOut(step.step(), measure.of(heldOut));
      }
      double seconds = (System.nanoTime() - startNanos) * 1e-9;
      if (log != null) {
        log.add(report(step, rate, heldOut, pace, seconds));
      }
      tell(observer, point(step, loss, rate, pace, seconds), heldOut);
      if (step.step() % run.checkpointInterval() == 0) {
        save();
      }
    }
    save();
    return pace(steps() - startSteps, (System.nanoTime() - startNanos) * 1e-9);
  }

  private Pace pace(long steps, double seconds) {
    return new Pace(steps, seconds, steps * start.subject().learnedInOneStep() / seconds);
  }

  /**
   * A line of the log. Losses are means, those of classes in nats; what JSON cannot say is null.
   */
  private Map<String, @Nullable Object> report(
      TrainStep step, float rate, @Nullable BatchLoss heldOut, Pace pace, double seconds) {
    Measure measure = start.subject().measure();
    Map<String, @Nullable Object> report = new LinkedHashMap<>();
    report.put("step", step.step());
    report.put("epoch", trainer.progress().epoch());
    report.put("loss", finite(step.loss().mean()));
    if (measure.inBits()) {
      report.put(measure.key("train"), finite(measure.of(step.loss())));
    }
    if (heldOut != null) {
      report.put("heldOutLoss", finite(heldOut.mean()));
      if (measure.inBits()) {
        report.put(measure.key("heldOut"), finite(measure.of(heldOut)));
      }
    }
    report.put("learningRate", rate);
    report.put("gradientNorm", finite(step.gradientNorm()));
    report.put("skipped", step.skipped());
    report.put(measure.nouns() + "PerSecond", finite(pace.learnedPerSecond()));
    report.put("seconds", seconds);
    return report;
  }

  private Point point(TrainStep step, double loss, float rate, Pace pace, double seconds) {
    return Point.report(
        step.step(),
        pace.steps(),
        loss,
        step.gradientNorm(),
        rate,
        start.clipping().globalNorm(),
        step.skipped(),
        pace.learnedPerSecond(),
        seconds);
  }

  private void tell(TrainingObserver observer, Point point, @Nullable BatchLoss heldOut) {
    observer.progressed(point);
    if (heldOut != null) {
      if (observer.wantsSamples()) {
        String text = start.subject().sample(model);
        if (!text.isEmpty()) {
          observer.sampled(Sample.of(point.step(), text));
        }
      }
      double loss = start.subject().measure().of(heldOut);
      observer.judged(new Judgement(point.step(), Map.of(RunRecord.HELD_OUT, loss)));
    }
  }

  private static @Nullable Double finite(double number) {
    return Double.isFinite(number) ? number : null;
  }

  /**
   * Steps to queue before the next loss is asked for: one where asking costs nothing, else some,
   * but not past the next judgement, checkpoint or learning rate.
   */
  private int stepsUntilReport(long judgementInterval) {
    long most = model.backend().isAsynchronous() ? STEPS_PER_REPORT : 1;
    for (long interval : new long[] {judgementInterval, run.checkpointInterval()}) {
      most = Math.min(most, interval - steps() % interval);
    }
    most = Math.min(most, run.schedule().stepsAtSameRate(steps(), run.totalSteps()));
    return (int) Math.min(most, run.totalSteps() - steps());
  }

  private double judge(Effort effort) {
    return start.subject().measure().of(start.subject().judge(model, effort));
  }

  /** Not if it is NaN. */
  private static boolean isSane(double loss) {
    return loss <= MOST_LOSS;
  }

  private String inWords(double loss) {
    return start.subject().measure().inBits()
        ? loss + " " + start.subject().measure().unit()
        : String.valueOf(loss);
  }

  private void requireSane(String where, double loss) {
    if (!isSane(loss)) {
      throw new DivergedException(steps(), "the loss is " + inWords(loss) + " " + where);
    }
  }

  /**
   * Writes the checkpoint, unless that of this step is there.
   *
   * @throws DivergedException if the weights are none to go on from, so that the one before stays
   */
  private void save() throws IOException {
    if (steps() != savedSteps) {
      requireSane("on " + start.subject().heldOutName(), judge(Effort.CHECK));
      checkpoint().save(Objects.requireNonNull(directory));
      savedSteps = steps();
    }
  }

  private Checkpoint checkpoint() {
    TrainerSnapshot snapshot = trainer.snapshot();
    TrainingRun soFar = run.withCurve(curve.toStore());
    try {
      return new Checkpoint(
          model.spec(),
          start.subject().data(),
          start.optimizer(),
          start.clipping(),
          snapshot,
          soFar);
    } catch (IllegalArgumentException e) {
      throw new DivergedException(steps(), String.valueOf(e.getMessage())); // Not finite.
    }
  }

  /** What was learned, as it is now. */
  SequenceModel model() {
    return model;
  }

  /** The loss so far. */
  LossCurve curve() {
    return curve;
  }

  /** The loss on all that is held out. */
  double judge() {
    double loss = judge(Effort.ALL);
    requireSane("on " + start.subject().heldOutName(), loss);
    return loss;
  }

  @Override
  public void close() {
    windows.close();
    trainer.close();
    model.close();
  }
}
