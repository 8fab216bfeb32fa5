package dev.sequor.fit;

import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.fit.FitResult.Ending;
import dev.sequor.fit.FitResult.Weights;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.FitState;
import dev.sequor.io.FitState.Validation;
import dev.sequor.io.FitState.Watch;
import dev.sequor.io.ModelDirectory;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.DivergedException;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerProgress;
import dev.sequor.module.NamedTensor;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One fit at work. All that its decisions depend on is in its trainer and its {@link FitState}. */
final class FitRun {
  /** Often enough to watch, seldom enough that a device with a queue does not wait for the host. */
  private static final int STEPS_PER_REPORT = 10;

  /** Unless said otherwise, a loss makes no sense from so many times that of the beginning on. */
  private static final double MOST_GROWTH = 1000;

  private final Fit fit;
  private final Trainer trainer;
  private final SequenceModel model;
  private final WindowSource training;

  /** With the learning rate that factors are of. */
  private final Optimizer optimizer;

  private final FitReport report;

  private FitState.Start start;
  private FitState.Decisions decisions = FitState.Decisions.NONE;
  private FitState.Kept kept = FitState.Kept.NOTHING;
  private List<Validation> history = new ArrayList<>();

  /** Mean loss of the first update; 0 before it. */
  private double firstLoss;

  /** Of training since the last validation. */
  private BatchLoss losses = new BatchLoss(0, 0);

  /** What {@link FitState.Decisions#best()} is of. */
  private @Nullable List<NamedTensor> best;

  /** The step of what lies in {@link FitState.Kept#bestFile()}; -1 if there is none. */
  private long bestStep = -1;

  private @Nullable WeightAverage average;

  /** Whether something has happened that the checkpoint does not have. */
  private boolean unsaved;

  private long savedSteps = -1;

  FitRun(Fit fit, Trainer trainer, WindowSource training) {
    this.fit = fit;
    this.trainer = trainer;
    this.model = trainer.model();
    this.training = training;
    this.optimizer = trainer.optimizer();
    this.report = new FitReport(fit, trainer);
    TrainerProgress now = trainer.progress();
    this.start = new FitState.Start(now.steps(), now.epoch(), now.position());
  }

  FitResult run() {
    requireData();
    Path directory = fit.directory;
    if (directory == null) {
      return begin(null);
    }
    boolean resumes = Checkpoint.existsIn(directory);
    if (resumes && !fit.resumes) {
      throw new IllegalArgumentException(
          directory
              + " holds a model already; needed a new or empty directory, or keepOrResume to go on"
              + " with its fit");
    }
    try (ModelDirectory held =
        resumes ? ModelDirectory.open(directory) : ModelDirectory.create(directory)) {
      return begin(resumes ? Checkpoint.load(held.path()) : null);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private void requireData() {
    long windows = training.windowsPerEpoch();
    if (windows < 1) {
      throw new IllegalArgumentException(
          "the training data have " + windows + " windows; needed at least 1");
    }
    WindowSource validation = fit.validation;
    if (validation == null) {
      if (fit.stopping != null || fit.plateaus != null || fit.validationInterval > 0) {
        throw new IllegalArgumentException(
            "the fit is to "
                + (fit.stopping != null
                    ? "stop early"
                    : fit.plateaus != null ? "reduce the rate on plateaus" : "validate")
                + ", but has no validation data; needed some");
      }
      return;
    }
    if (validation.windowsPerEpoch() < 1) {
      throw new IllegalArgumentException(
          "the validation data have "
              + validation.windowsPerEpoch()
              + " windows; needed at least 1");
    }
    try { // One window shows most of what does not fit, before anything is learned.
      List<Window> first = List.of(validation.window(0, 0));
      Map<Metric.Measurement<?>, Object> known = new HashMap<>();
      fit.metrics.forEach(metric -> metric.of(model, first, known));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("the validation data do not fit: " + e.getMessage(), e);
    }
  }

  private FitResult begin(@Nullable Checkpoint checkpoint) {
    if (checkpoint != null) {
      resume(checkpoint);
    } else if (fit.averageDecay > 0) {
      average = new WeightAverage(fit.averageDecay, model.tensors(), 0);
    }
    fit.schedule.requireFit(lastStep() - start.step());
    Ending ending;
    try {
      if (checkpoint == null) {
        save(); // So that a directory that cannot be written is found out now.
      }
      report.begin(fit, trainer, lastStep(), history, checkpoint != null);
      ending = train();
    } catch (DivergedException e) {
      DivergedException told = new DivergedException(e.step(), e.getMessage() + end(e));
      told.addSuppressed(e);
      report.ended(State.DIVERGED, steps(), String.valueOf(told.getMessage()));
      throw told;
    } catch (RuntimeException | Error e) {
      end(e);
      report.ended(State.FAILED, steps(), e.toString());
      throw e;
    }
    Weights weights = end();
    long step = steps();
    report.ended(state(ending), step, inWords(ending, weights));
    report.requireWhole();
    return new FitResult(
        ending,
        weights,
        weights == Weights.BEST ? decisions.best().step() : step,
        step,
        trainer.progress().epoch(),
        history,
        kept.bestFile().isEmpty()
            ? Optional.empty()
            : Optional.of(Objects.requireNonNull(fit.directory).resolve(kept.bestFile())));
  }

  private static State state(Ending ending) {
    return switch (ending) {
      case COMPLETED -> State.COMPLETED;
      case STOPPED_EARLY -> State.STOPPED_EARLY;
      case STOPPED -> State.INTERRUPTED;
    };
  }

  private String inWords(Ending ending, Weights weights) {
    String end =
        switch (ending) {
          case COMPLETED -> "all steps are made";
          case STOPPED_EARLY ->
              "stopped early: "
                  + fit.monitor.name()
                  + " had not improved for "
                  + decisions.stopping().stale()
                  + " validations";
          case STOPPED -> "stopped from outside";
        };
    return end
        + switch (weights) {
          case BEST -> "; the model has the weights of step " + decisions.best().step() + ", best";
          case AVERAGE -> "; the model has the average of the weights";
          case LAST -> "; the model has the weights of the last step";
        };
  }

  private void resume(Checkpoint checkpoint) {
    Path directory = Objects.requireNonNull(fit.directory);
    if (!(checkpoint.run() instanceof FitState state)) {
      throw new IllegalArgumentException(
          directory + " holds a model that no fit has made; needed a directory of its own");
    }
    requireSame(directory, "model", checkpoint.model(), model.spec());
    requireSame(directory, "optimizer", checkpoint.optimizer(), optimizer);
    requireSame(directory, "clipping", checkpoint.clipping(), trainer.clipping());
    requireSame(directory, "monitor", state.monitor(), fit.monitor.name());
    requireSame(
        directory, "moving average", !state.kept().averageFile().isEmpty(), fit.averageDecay > 0);
    String bestFile = state.kept().bestFile();
    try {
      if (!bestFile.isEmpty()) {
        best = TrainedModel.load(directory.resolve(bestFile)).parameters();
        bestStep = state.decisions().best().step();
      }
      if (fit.averageDecay > 0) {
        average =
            new WeightAverage(
                fit.averageDecay,
                TrainedModel.load(directory.resolve(state.kept().averageFile())).parameters(),
                state.kept().averaged());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
    trainer.restore(checkpoint.snapshot());
    start = state.start();
    decisions = state.decisions();
    kept = state.kept();
    history = new ArrayList<>(state.history());
    firstLoss = state.losses().first();
    losses =
        new BatchLoss(state.losses().sum(), state.losses().predictions(), state.losses().weight());
    savedSteps = steps();
  }

  private static void requireSame(Path directory, String what, Object kept, Object given) {
    if (!kept.equals(given)) {
      throw new IllegalArgumentException(
          "the fit in "
              + directory
              + " has another "
              + what
              + ", "
              + kept
              + "; needed the same, and this one has "
              + given);
    }
  }

  private long steps() {
    return trainer.progress().steps();
  }

  /** Updates of an epoch, of which {@code done} windows are over. */
  private long updatesOfEpoch(long done) {
    long windows = training.windowsPerEpoch() - done;
    return (windows + fit.windowsPerUpdate - 1) / fit.windowsPerUpdate;
  }

  /** The step at which the fit is complete. */
  private long lastStep() {
    return start.step()
        + (fit.steps > 0
            ? fit.steps
            : updatesOfEpoch(start.position()) + (fit.epochs - 1) * updatesOfEpoch(0));
  }

  private Ending train() {
    long lastStep = lastStep();
    boolean stopped = isToStopEarly();
    while (!stopped && steps() < lastStep) {
      if (Thread.currentThread().isInterrupted()) {
        save();
        return Ending.STOPPED;
      }
      double rate = rate(lastStep);
      trainer.learningRate((float) rate);
      long before = steps();
      long beginNanos = System.nanoTime();
      TrainStep step = learn(lastStep);
      double seconds = (System.nanoTime() - beginNanos) * 1e-9;
      unsaved = true;
      if (average != null && !step.skipped()) {
        average.add(model.tensors());
      }
      count(step);
      report.progressed(step, step.step() - before, seconds, rate);
      boolean goesOn = tell(step, lastStep, rate);
      if (fit.validation != null && isValidationDue(lastStep)) {
        validate(rate);
        stopped = isToStopEarly();
        save();
      } else if (fit.checkpointInterval > 0 && fitSteps() % fit.checkpointInterval == 0) {
        save();
      }
      if (!goesOn && !stopped && steps() < lastStep) {
        save();
        return Ending.STOPPED;
      }
    }
    save();
    return steps() < lastStep || stopped ? Ending.STOPPED_EARLY : Ending.COMPLETED;
  }

  private long fitSteps() {
    return steps() - start.step();
  }

  private double rate(long lastStep) {
    double factor = fit.schedule.factor(fitSteps(), lastStep - start.step());
    if (!(factor > 0 && factor < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "the schedule gives the factor "
              + factor
              + " at step "
              + fitSteps()
              + "; needed a finite one greater than 0");
    }
    return Math.max(Float.MIN_NORMAL, optimizer.learningRate() * factor * decisions.rateFactor());
  }

  private TrainStep learn(long lastStep) {
    if (fit.windowsPerUpdate > 1) {
      return trainer.accumulated(training, fit.windowsPerUpdate);
    }
    long most = average == null && model.backend().isAsynchronous() ? STEPS_PER_REPORT : 1;
    most = Math.min(most, lastStep - steps());
    most = Math.min(most, training.windowsPerEpoch() - trainer.progress().position());
    for (long interval : new long[] {fit.validationInterval, fit.checkpointInterval}) {
      if (interval > 0) {
        most = Math.min(most, interval - fitSteps() % interval);
      }
    }
    long total = lastStep - start.step();
    most = Math.min(most, Math.max(1, fit.schedule.stepsAtSameFactor(fitSteps(), total)));
    return trainer.steps(training, (int) most);
  }

  private void count(TrainStep step) {
    if (step.skipped()) {
      return;
    }
    double loss = step.loss().mean();
    firstLoss = firstLoss == 0 ? loss : firstLoss;
    requireSane("in training", loss);
    losses = losses.plus(step.loss());
  }

  private void requireSane(String where, double loss) {
    double most = fit.mostLoss > 0 ? fit.mostLoss : MOST_GROWTH * (1 + Math.abs(firstLoss));
    if (!(loss <= most)) {
      throw new DivergedException(
          steps(),
          "the loss is "
              + loss
              + " "
              + where
              + " at step "
              + steps()
              + "; needed at most "
              + most
              + ", by a lower learning rate than "
              + trainer.optimizer().learningRate()
              + " or tighter clipping");
    }
  }

  private boolean tell(TrainStep step, long lastStep, double rate) {
    FitProgress progress =
        new FitProgress(
            step.step(),
            lastStep,
            trainer.progress().epoch(),
            step.loss().mean(),
            losses.mean(),
            step.gradientNorm(),
            rate,
            step.skipped());
    boolean goesOn = true;
    for (FitListener listener : fit.listeners) {
      goesOn &= listener.progressed(progress);
    }
    return goesOn;
  }

  private boolean isValidationDue(long lastStep) {
    return steps() == lastStep
        || (fit.validationInterval > 0
            ? fitSteps() % fit.validationInterval == 0
            : trainer.progress().position() == 0);
  }

  private void validate(double rate) {
    WindowSource data = Objects.requireNonNull(fit.validation);
    List<NamedTensor> judged = average == null ? null : average.tensors();
    List<NamedTensor> trained = judged == null ? null : model.tensors();
    Map<String, Double> values = new LinkedHashMap<>();
    double watched;
    Watch now;
    try {
      if (judged != null) {
        model.load(judged);
      }
      Map<Metric.Measurement<?>, Object> known = new HashMap<>();
      for (Metric<?> metric : fit.metrics) {
        double value = metric.of(model, data.epoch(0), known);
        if (metric.name().equals(Metric.LOSS.name())) {
          requireSane("on the validation data", value);
        }
        values.put(metric.name(), value);
      }
      watched = Objects.requireNonNull(values.get(fit.monitor.name()));
      if (!Double.isFinite(watched)) {
        throw new DivergedException(
            steps(),
            fit.monitor.name()
                + " is "
                + watched
                + " on the validation data at step "
                + steps()
                + "; needed a finite number to watch");
      }
      now = decisions.best().and(watched, steps(), fit.monitor.higherIsBetter(), 0);
      if (now.stale() == 0) {
        best = judged == null ? model.tensors() : judged;
      }
    } finally {
      if (trained != null) {
        model.load(trained);
      }
    }
    values.values().removeIf(value -> !Double.isFinite(value));
    Validation validation =
        new Validation(
            steps(),
            trainer.progress().epoch(),
            losses.weight() > 0 ? losses.mean() : 0,
            values,
            now.stale() == 0,
            rate);
    decide(now, watched, validation);
    report.validated(validation);
    fit.listeners.forEach(listener -> listener.validated(validation));
  }

  /** Takes note of a validation. */
  private void decide(Watch best, double watched, Validation validation) {
    boolean higher = fit.monitor.higherIsBetter();
    Watch stopping =
        fit.stopping == null
            ? Watch.NONE
            : decisions.stopping().and(watched, steps(), higher, fit.stopping.leastGain());
    Watch plateau = Watch.NONE;
    double rateFactor = decisions.rateFactor();
    if (fit.plateaus != null) {
      plateau =
          decisions.plateau().and(watched, steps(), higher, fit.plateaus.patience().leastGain());
      if (plateau.stale() >= fit.plateaus.patience().validations()) {
        plateau = plateau.patient();
        rateFactor =
            Math.min(
                rateFactor, Math.max(fit.plateaus.least(), rateFactor * fit.plateaus.factor()));
      }
    }
    decisions = new FitState.Decisions(best, stopping, plateau, rateFactor);
    history.add(validation);
    if (history.size() > FitState.MAX_VALIDATIONS) {
      history.remove(0);
    }
    losses = new BatchLoss(0, 0);
  }

  private boolean isToStopEarly() {
    return fit.stopping != null && decisions.stopping().stale() >= fit.stopping.validations();
  }

  /** Writes the checkpoint, unless it is there. */
  private void save() {
    Path directory = fit.directory;
    if (directory == null || (savedSteps >= 0 && !unsaved)) {
      return;
    }
    // An interrupted thread could not write.
    boolean interrupted = Thread.interrupted();
    try {
      String bestFile = kept.bestFile();
      if (best != null && bestStep != decisions.best().step()) {
        bestFile = keep(best, Checkpoint.newBestFile(directory, decisions.best().step()));
        bestStep = decisions.best().step();
      }
      String averageFile =
          average == null
              ? ""
              : keep(average.tensors(), Checkpoint.newAverageFile(directory, steps()));
      kept = new FitState.Kept(bestFile, averageFile, average == null ? 0 : average.updates());
      checkpoint().save(directory);
      savedSteps = steps();
      unsaved = false;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private String keep(List<NamedTensor> weights, Path file) throws IOException {
    new TrainedModel(model.spec(), fit.data, weights).save(file);
    return String.valueOf(file.getFileName());
  }

  private FitState state() {
    return new FitState(
        fit.monitor.name(),
        start,
        decisions,
        kept,
        new FitState.Losses(firstLoss, losses.sum(), losses.predictions(), losses.weight()),
        history);
  }

  private Checkpoint checkpoint() {
    try {
      return new Checkpoint(
          model.spec(), fit.data, optimizer, trainer.clipping(), trainer.snapshot(), state());
    } catch (IllegalArgumentException e) {
      throw new DivergedException(steps(), String.valueOf(e.getMessage())); // Not finite.
    }
  }

  /** Gives the model the weights that it is to end with, and the trainer its learning rate. */
  private Weights end() {
    trainer.learningRate(optimizer.learningRate());
    if (best != null && fit.restoresBest) {
      model.load(best);
      return Weights.BEST;
    }
    if (average != null) {
      model.load(average.tensors());
      return Weights.AVERAGE;
    }
    return Weights.LAST;
  }

  /** The same after a failure; says what there is now. */
  private String end(Throwable failure) {
    try {
      Weights weights = end();
      return (weights == Weights.BEST
              ? "; the model has the weights that were best, of step " + decisions.best().step()
              : "")
          + (savedSteps >= 0
              ? "; " + fit.directory + " keeps the checkpoint of step " + savedSteps
              : "");
    } catch (RuntimeException | Error e) {
      failure.addSuppressed(e);
      return "";
    }
  }
}
