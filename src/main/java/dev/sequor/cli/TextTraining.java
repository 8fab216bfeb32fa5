package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Corpus;
import dev.sequor.data.PrefetchedWindows;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Sampler;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerSnapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Trains a model of characters on one device and keeps its checkpoint.
 *
 * <p>Everything that the weights depend on is in the checkpoint; when and how often a run is
 * stopped, judged or stored changes nothing in them.
 */
final class TextTraining implements AutoCloseable {
  /** Often enough to watch, seldom enough that a GPU does not wait for the host. */
  private static final int STEPS_PER_REPORT = 10;

  /** Judgements along the way are for the plot: this many in a run, on this much of the text. */
  private static final int JUDGEMENTS = 10;

  private static final int JUDGED_CHARACTERS = 32_768;

  /** Before a checkpoint: enough to see that its weights were not driven off by the last update. */
  private static final int CHECKED_CHARACTERS = 513;

  private final String corpusName;
  private final Vocabulary vocabulary;
  private final Optimizer optimizer;
  private final Clipping clipping;
  private final TrainingRun run;
  private final Tokens heldOut;
  private final PrefetchedWindows streams;
  private final LossCurve curve;
  private final SequenceModel model;
  private final Trainer trainer;
  private @Nullable Path directory;
  private long savedSteps = -1;

  /**
   * What a call of {@link #train} did.
   *
   * @param steps steps taken
   * @param seconds time taken, judgements and checkpoints included
   * @param charactersPerSecond characters learned from in a second of that time
   */
  record Pace(long steps, double seconds, double charactersPerSecond) {}

  /**
   * Prepares a run.
   *
   * @param start what to go on from; null for new weights
   */
  TextTraining(
      Backend backend,
      Corpus corpus,
      Vocabulary vocabulary,
      ModelSpec spec,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run,
      @Nullable TrainerSnapshot start) {
    this.corpusName = corpus.name();
    this.vocabulary = vocabulary;
    this.optimizer = optimizer;
    this.clipping = clipping;
    this.run = run;
    this.heldOut = vocabulary.encode(corpus.heldOut());
    TokenStreams windows =
        new TokenStreams(
            vocabulary.encode(corpus.training()),
            run.batchSize(),
            run.sequenceLength(),
            run.newSteps());
    this.curve = new LossCurve(run.curve(), run.totalSteps());
    this.model =
        start == null
            ? new SequenceModel(backend, spec, run.seed())
            : SequenceModel.of(backend, spec, start.parameters(), WeightStorage.FLOAT32);
    try {
      this.trainer = new Trainer(model, optimizer, clipping, run.seed());
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
    this.streams = new PrefetchedWindows(windows);
    try {
      if (start != null) {
        trainer.restore(start);
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
    double bits = judge(CHECKED_CHARACTERS);
    if (!TextModel.isSane(bits)) {
      throw new IllegalArgumentException(
          directory
              + ": the model loses "
              + bits
              + " bits per character on the held-out part of "
              + corpusName
              + "; its weights are spoilt");
    }
    save();
  }

  /**
   * Trains until the run is complete or interrupted, and saves.
   *
   * @throws DivergedException if the loss has left all sense; the last good checkpoint is kept
   */
  Pace train(Progress progress, Interruption interruption) throws IOException {
    try {
      return trainAndSave(progress, interruption);
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
              + optimizer.learningRate()
              + (clipping.globalNorm() > 0
                  ? " or a lower --clip than " + clipping.globalNorm()
                  : " or with --clip"));
    }
  }

  private Pace trainAndSave(Progress progress, Interruption interruption) throws IOException {
    long startSteps = steps();
    long startNanos = System.nanoTime();
    long charactersPerStep = (long) run.batchSize() * run.newSteps();
    long judgementInterval = (run.totalSteps() - 1) / JUDGEMENTS + 1;
    while (steps() < run.totalSteps() && !interruption.isRequested()) {
      TrainStep step = trainer.steps(streams, stepsUntilReport(judgementInterval));
      if (!step.skipped()) {
        requireSane("in training", step.loss().meanBits());
      }
      curve.addStep(step.step(), step.loss().meanBits());
      progress.update(step.step(), curve.recent(), charactersPerStep);
      boolean last = step.step() >= run.totalSteps();
      if ((step.step() % judgementInterval == 0 || last) && !curve.hasHeldOut(step.step())) {
        double bits = judge(JUDGED_CHARACTERS);
        requireSane("on held-out text", bits);
        curve.addHeldOut(step.step(), bits);
      }
      if (step.step() % run.checkpointInterval() == 0) {
        save();
      }
    }
    save();
    double seconds = (System.nanoTime() - startNanos) * 1e-9;
    long steps = steps() - startSteps;
    return new Pace(steps, seconds, steps * charactersPerStep / seconds);
  }

  /**
   * Steps to queue before the next loss is asked for: one where asking costs nothing, else some,
   * but not past the next judgement or checkpoint.
   */
  private int stepsUntilReport(long judgementInterval) {
    long most = model.backend().isAsynchronous() ? STEPS_PER_REPORT : 1;
    for (long interval : new long[] {judgementInterval, run.checkpointInterval()}) {
      most = Math.min(most, interval - steps() % interval);
    }
    return (int) Math.min(most, run.totalSteps() - steps());
  }

  /** The loss of the first {@code characters} of the held-out text, in bits per character. */
  private double judge(int characters) {
    Tokens judged = heldOut.slice(0, Math.min(heldOut.size(), characters));
    return TextModel.evaluate(model, judged).meanBits();
  }

  private void requireSane(String where, double bitsPerCharacter) {
    if (!TextModel.isSane(bitsPerCharacter)) {
      throw new DivergedException(
          steps(), "the loss is " + bitsPerCharacter + " bits per character " + where);
    }
  }

  /**
   * Writes the checkpoint, unless that of this step is there.
   *
   * @throws DivergedException if the weights are none to go on from, so that the one before stays
   */
  private void save() throws IOException {
    if (steps() != savedSteps) {
      requireSane("on held-out text", judge(CHECKED_CHARACTERS));
      checkpoint().save(Objects.requireNonNull(directory));
      savedSteps = steps();
    }
  }

  private Checkpoint checkpoint() {
    TrainerSnapshot snapshot = trainer.snapshot();
    TrainingRun soFar = run.withCurve(curve.toStore());
    try {
      return new Checkpoint(model.spec(), vocabulary, optimizer, clipping, snapshot, soFar);
    } catch (IllegalArgumentException e) {
      throw new DivergedException(steps(), String.valueOf(e.getMessage())); // Not finite.
    }
  }

  /** The loss so far. */
  LossCurve curve() {
    return curve;
  }

  /** The loss of all held-out text. */
  BatchLoss judge() {
    BatchLoss loss = TextModel.evaluate(model, heldOut);
    requireSane("on held-out text", loss.meanBits());
    return loss;
  }

  /** Text that begins a line, {@code length} characters. */
  String sample(int length, Sampling sampling) {
    try (Sampler sampler = new Sampler(model)) {
      return vocabulary.decode(sampler.sample(TextModel.newLine(vocabulary), length, sampling));
    }
  }

  @Override
  public void close() {
    streams.close();
    trainer.close();
    model.close();
  }
}
