package dev.sequor.fit;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.data.DataSpec;
import dev.sequor.data.WindowSource;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainingPlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How to fit a model to data: for how long, watched by what, and what to keep. Immutable.
 *
 * <pre>{@code
 * FitResult result =
 *     trainer.fit(
 *         training,
 *         Fit.epochs(20)
 *             .validate(validation)
 *             .metrics(Metric.ACCURACY)
 *             .schedule(Schedule.cosine())
 *             .earlyStopping(3)
 *             .keepBest(directory));
 * }</pre>
 *
 * <p>However a fit ends, be it by an exception, the model then has the weights that were best on
 * the validation data, unless there are none or {@link #lastWeights()} was asked for; {@link
 * FitResult} says which.
 *
 * <p>The trainer goes on from where it is: the first epoch is the rest of the one that it is in.
 */
public final class Fit implements TrainingPlan<FitResult> {
  final long epochs;
  final long steps;
  @Nullable WindowSource validation;
  long validationInterval;
  List<Metric<?>> metrics = List.of(Metric.LOSS);
  Metric<?> monitor = Metric.LOSS;
  Schedule schedule = Schedule.constant();
  @Nullable Patience stopping;
  @Nullable Plateaus plateaus;
  @Nullable Path directory;
  boolean resumes;
  long checkpointInterval;
  int windowsPerUpdate = 1;
  double averageDecay;
  boolean restoresBest = true;
  double mostLoss;
  @Nullable DataSpec data;
  List<FitListener> listeners = List.of();
  @Nullable Path report;

  /**
   * How long to wait for something better.
   *
   * @param validations at least 1
   * @param leastGain what is better by no more than this is not called better; at least 0
   */
  record Patience(int validations, double leastGain) {
    Patience {
      if (validations < 1) {
        throw new IllegalArgumentException(
            "patience is " + validations + " validations; needed at least 1");
      }
      if (!(leastGain >= 0 && leastGain < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "the least gain is " + leastGain + "; needed a finite number of at least 0");
      }
    }
  }

  /**
   * What to do about the learning rate where nothing gets better.
   *
   * @param factor greater than 0 and less than 1
   * @param patience how long to wait
   * @param least of what the reductions come to; greater than 0 and less than 1
   */
  record Plateaus(double factor, Patience patience, double least) {
    Plateaus {
      if (!(factor > 0 && factor < 1)) {
        throw new IllegalArgumentException(
            "the rate falls on a plateau by the factor "
                + factor
                + "; needed one greater than 0 and less than 1");
      }
      if (!(least > 0 && least < 1)) {
        throw new IllegalArgumentException(
            "the least factor of the rate is "
                + least
                + "; needed one greater than 0 and less than 1");
      }
    }
  }

  private Fit(long epochs, long steps) {
    this.epochs = epochs;
    this.steps = steps;
  }

  private Fit(Fit other) {
    this(other.epochs, other.steps);
    validation = other.validation;
    validationInterval = other.validationInterval;
    metrics = other.metrics;
    monitor = other.monitor;
    schedule = other.schedule;
    stopping = other.stopping;
    plateaus = other.plateaus;
    directory = other.directory;
    resumes = other.resumes;
    checkpointInterval = other.checkpointInterval;
    windowsPerUpdate = other.windowsPerUpdate;
    averageDecay = other.averageDecay;
    restoresBest = other.restoresBest;
    mostLoss = other.mostLoss;
    data = other.data;
    listeners = other.listeners;
    report = other.report;
  }

  /**
   * A fit of so many epochs.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public static Fit epochs(long epochs) {
    Sizes.atLeastOne("epochs", epochs);
    return new Fit(epochs, 0);
  }

  /**
   * A fit of so many updates.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public static Fit steps(long steps) {
    Sizes.atLeastOne("steps", steps);
    return new Fit(0, steps);
  }

  /** Looks after every epoch, and at the end, how good the model is on epoch 0 of {@code data}. */
  public Fit validate(WindowSource data) {
    Fit copy = new Fit(this);
    copy.validation = Required.present("data", data);
    return copy;
  }

  /**
   * Looks every so many steps instead of after every epoch.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public Fit validateEvery(long steps) {
    Sizes.atLeastOne("steps from one validation to the next", steps);
    Fit copy = new Fit(this);
    copy.validationInterval = steps;
    return copy;
  }

  /**
   * What is found out in validations, beside the loss. The first is what is watched, see {@link
   * #monitor}.
   *
   * @throws IllegalArgumentException if there are none, or two have one name
   */
  public Fit metrics(Metric<?>... metrics) {
    Fit copy = new Fit(this);
    List<Metric<?>> all = new ArrayList<>(List.of(metrics));
    if (all.isEmpty()) {
      throw new IllegalArgumentException("there are no metrics; needed at least 1");
    }
    copy.monitor = all.get(0);
    if (all.stream().noneMatch(metric -> metric.name().equals(Metric.LOSS.name()))) {
      all.add(Metric.LOSS);
    }
    Set<String> names = new HashSet<>();
    for (Metric<?> metric : all) {
      if (!names.add(metric.name())) {
        throw new IllegalArgumentException(
            "two metrics have the name '" + metric.name() + "'; needed names of their own");
      }
    }
    copy.metrics = List.copyOf(all);
    return copy;
  }

  /**
   * What says which weights are best, and when to stop: one of the {@link #metrics}.
   *
   * @throws IllegalArgumentException if it is not
   */
  public Fit monitor(Metric<?> metric) {
    if (!metrics.contains(metric)) {
      throw new IllegalArgumentException(
          "metric '"
              + metric.name()
              + "' is not among "
              + metrics.stream().map(Metric::name).toList()
              + "; needed one that is");
    }
    Fit copy = new Fit(this);
    copy.monitor = metric;
    return copy;
  }

  /** How the learning rate goes; unless given, it stays. */
  public Fit schedule(Schedule schedule) {
    Fit copy = new Fit(this);
    copy.schedule = Required.present("schedule", schedule);
    return copy;
  }

  /**
   * Reduces the learning rate, beside what the schedule does, whenever validation has not improved
   * for a while; down to a thousandth.
   *
   * @param factor of each reduction, greater than 0 and less than 1
   * @param patience validations without improvement, at least 1
   * @throws IllegalArgumentException if one is out of range
   */
  public Fit reduceOnPlateau(double factor, int patience) {
    return reduceOnPlateau(factor, patience, 0, 1e-3);
  }

  /**
   * The same.
   *
   * @param leastGain what is better by no more than this is not called better; at least 0
   * @param leastFactor of all reductions together, greater than 0 and less than 1
   * @throws IllegalArgumentException if one is out of range
   */
  public Fit reduceOnPlateau(double factor, int patience, double leastGain, double leastFactor) {
    Fit copy = new Fit(this);
    copy.plateaus = new Plateaus(factor, new Patience(patience, leastGain), leastFactor);
    return copy;
  }

  /**
   * Ends when so many validations in a row were no better than the best before.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public Fit earlyStopping(int patience) {
    return earlyStopping(patience, 0);
  }

  /**
   * The same.
   *
   * @param leastGain what is better by no more than this is not called better; at least 0
   * @throws IllegalArgumentException if one is out of range
   */
  public Fit earlyStopping(int patience, double leastGain) {
    Fit copy = new Fit(this);
    copy.stopping = new Patience(patience, leastGain);
    return copy;
  }

  /**
   * Keeps the best weights and all that it takes to go on in {@code directory}, which must be new
   * or empty: after each validation, at the end, and as {@link #checkpointEvery} says. A {@link
   * dev.sequor.io.Checkpoint} for whoever reads it.
   */
  public Fit keepBest(Path directory) {
    Fit copy = new Fit(this);
    copy.directory = Required.present("directory", directory);
    copy.resumes = false;
    return copy;
  }

  /**
   * The same, but if a fit is kept in {@code directory} already, it goes on: with its weights,
   * moments, place in the data and decisions, as if it had never been stopped. Model, optimiser and
   * clipping must be those that it was begun with.
   */
  public Fit keepOrResume(Path directory) {
    Fit copy = keepBest(directory);
    copy.resumes = true;
    return copy;
  }

  /**
   * Keeps all that it takes to go on every so many steps, too.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public Fit checkpointEvery(long steps) {
    Sizes.atLeastOne("steps from one checkpoint to the next", steps);
    Fit copy = new Fit(this);
    copy.checkpointInterval = steps;
    return copy;
  }

  /**
   * Makes each update of the gradients of so many windows, see {@link Trainer#accumulated}.
   *
   * @throws IllegalArgumentException if there is less than 1
   */
  public Fit accumulate(int windows) {
    Sizes.atLeastOne("windows of an update", windows);
    Fit copy = new Fit(this);
    copy.windowsPerUpdate = windows;
    return copy;
  }

  /**
   * Validates, keeps and ends with a moving average of the weights instead of the weights: after
   * each update it moves by {@code 1 - decay} towards them, by more in the beginning, when {@code
   * (1 + n) / (10 + n)} is less than {@code decay} after {@code n} updates. It is kept by the host,
   * so that a device hands its weights over after each update.
   *
   * @param decay greater than 0 and less than 1, for example 0.999
   * @throws IllegalArgumentException if it is not
   */
  public Fit averageWeights(double decay) {
    if (!(decay > 0 && decay < 1)) {
      throw new IllegalArgumentException(
          "decay is " + decay + "; needed greater than 0 and less than 1");
    }
    Fit copy = new Fit(this);
    copy.averageDecay = decay;
    return copy;
  }

  /** Ends with the weights of the last step, though others were better. */
  public Fit lastWeights() {
    Fit copy = new Fit(this);
    copy.restoresBest = false;
    return copy;
  }

  /**
   * The largest mean training or validation loss that still makes sense; with more the fit ends by
   * a {@link dev.sequor.model.DivergedException}. Unless given, 1,000 times as much as 1 plus the
   * loss of the first step.
   *
   * @throws IllegalArgumentException if it is not greater than 0
   */
  public Fit mostLoss(double loss) {
    if (!(loss > 0)) {
      throw new IllegalArgumentException("mostLoss is " + loss + "; needed more than 0");
    }
    Fit copy = new Fit(this);
    copy.mostLoss = loss;
    return copy;
  }

  /** What the model's numbers mean, to be kept with it: a vocabulary, or the columns of a table. */
  public Fit data(DataSpec data) {
    Fit copy = new Fit(this);
    copy.data = Required.present("data", data);
    return copy;
  }

  /** Tells {@code listener}, too, how it goes. */
  public Fit listener(FitListener listener) {
    Fit copy = new Fit(this);
    List<FitListener> all = new ArrayList<>(listeners);
    all.add(Required.present("listener", listener));
    copy.listeners = List.copyOf(all);
    return copy;
  }

  /**
   * Keeps a page with charts of the fit in {@code file}, which needs nothing but itself: written at
   * the beginning, after validations but not every few moments, and at the end, whatever that is. A
   * fit that {@linkplain #keepOrResume goes on} goes on with its page; otherwise a page of this
   * library is replaced. {@link dev.sequor.report.TrainingRecord#read} has its numbers.
   *
   * @param file whose name ends in {@code .html}
   */
  public Fit report(Path file) {
    Fit copy = new Fit(this);
    copy.report = Required.present("file", file);
    return copy;
  }

  /**
   * Fits.
   *
   * @throws IllegalArgumentException before the first step, if something does not fit: the data
   *     have no window, a schedule is longer than the fit, a metric or validation window is not for
   *     this model, the directory or the report holds something else or the report cannot be
   *     written
   * @throws java.io.UncheckedIOException if the directory cannot be written, or at the very end, if
   *     the report could not be
   * @throws dev.sequor.model.DivergedException if losses or gradients have left all sense; the
   *     directory keeps the last checkpoint from before
   */
  @Override
  public FitResult run(Trainer trainer, WindowSource training) {
    return new FitRun(
            this, Required.present("trainer", trainer), Required.present("data", training))
        .run();
  }
}
