package dev.sequor.io;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Where a fit stands, beyond its trainer: all that its next decisions depend on, so that one that
 * was stopped and goes on decides as one that was not.
 *
 * @param monitor the name of what is watched
 * @param start where the trainer was when the fit began
 * @param decisions what the validations have led to
 * @param kept the weights that lie beside the checkpoint
 * @param losses of training, since the last validation
 * @param history the validations, at most the last {@value #MAX_VALIDATIONS}
 */
public record FitState(
    String monitor,
    Start start,
    Decisions decisions,
    Kept kept,
    Losses losses,
    List<Validation> history)
    implements RunState {
  /** The most validations that are remembered. */
  public static final int MAX_VALIDATIONS = 10_000;

  /**
   * What was best of a value so far.
   *
   * @param value the best; 0 if there is none
   * @param step after which it was found; 0 if there is none
   * @param found whether there is one
   * @param stale validations since then, or since they last led to something
   */
  public record Watch(double value, long step, boolean found, int stale) {
    /** Nothing so far. */
    public static final Watch NONE = new Watch(0, 0, false, 0);

    /**
     * After one more value.
     *
     * @param higherIsBetter whether more of it is better
     * @param leastGain what is better by no more than this is not called better
     */
    public Watch and(double next, long atStep, boolean higherIsBetter, double leastGain) {
      boolean better =
          !found || (higherIsBetter ? next > value + leastGain : next < value - leastGain);
      return better ? new Watch(next, atStep, true, 0) : new Watch(value, step, true, stale + 1);
    }

    /** The same, to be patient anew. */
    public Watch patient() {
      return new Watch(value, step, found, 0);
    }

    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Watch {
      requireFinite("value", value);
      requireNotNegative("step", step);
      requireNotNegative("stale", stale);
    }
  }

  /**
   * Where a trainer is.
   *
   * @param step steps made
   * @param epoch epochs completed
   * @param position windows of the epoch completed
   */
  public record Start(long step, long epoch, long position) {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Start {
      requireNotNegative("step", step);
      requireNotNegative("epoch", epoch);
      requireNotNegative("position", position);
    }
  }

  /**
   * What validations have led to.
   *
   * @param best what was best so far of what is watched
   * @param stopping the same for the decision to stop, which may want more to call it better
   * @param plateau the same for the learning rate
   * @param rateFactor what reductions on plateaus have made of the learning rate; more than 0, at
   *     most 1
   */
  public record Decisions(Watch best, Watch stopping, Watch plateau, double rateFactor) {
    /** Of no validation. */
    public static final Decisions NONE = new Decisions(Watch.NONE, Watch.NONE, Watch.NONE, 1);

    /**
     * Checks the number.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public Decisions {
      if (!(rateFactor > 0 && rateFactor <= 1)) {
        throw new IllegalArgumentException(
            "rateFactor is " + rateFactor + "; needed more than 0 and at most 1");
      }
    }
  }

  /**
   * Weights beside the checkpoint.
   *
   * @param bestFile those that were best, a model in the same directory; empty if there are none
   * @param averageFile their moving average, a model in the same directory; empty if there is none
   * @param averaged updates that the average holds
   */
  public record Kept(String bestFile, String averageFile, long averaged) {
    /** None. */
    public static final Kept NOTHING = new Kept("", "", 0);

    /**
     * Checks the names.
     *
     * @throws IllegalArgumentException if one is no name of such a file
     */
    public Kept {
      requireName(CheckpointConfig.Kind.BEST, "bestFile", bestFile);
      requireName(CheckpointConfig.Kind.AVERAGE, "averageFile", averageFile);
      requireNotNegative("averaged", averaged);
    }
  }

  /**
   * Losses of training.
   *
   * @param first mean loss of the first update; 0 before it
   * @param sum of those since the last validation
   * @param predictions that this sum is of
   * @param weight the sum of their weights
   */
  public record Losses(double first, double sum, long predictions, double weight) {
    /** None so far. */
    public static final Losses NONE = new Losses(0, 0, 0, 0);

    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Losses {
      requireFinite("first", first);
      requireFinite("sum", sum);
      requireNotNegative("predictions", predictions);
      requireFinite("weight", weight);
    }
  }

  /**
   * One look at data that are not learned from.
   *
   * @param step of the trainer
   * @param epoch epochs completed
   * @param trainingLoss mean over the steps since the validation before; 0 if all were skipped
   * @param values by name; those that are not finite are left out
   * @param improved whether what is watched was best here
   * @param learningRate of the step before
   */
  public record Validation(
      long step,
      long epoch,
      double trainingLoss,
      Map<String, Double> values,
      boolean improved,
      double learningRate) {
    /**
     * Copies the values, in their order.
     *
     * @throws IllegalArgumentException naming the first number that is out of range
     */
    public Validation {
      requireNotNegative("step", step);
      requireNotNegative("epoch", epoch);
      requireFinite("trainingLoss", trainingLoss);
      requireFinite("learningRate", learningRate);
      Map<String, Double> copy = new LinkedHashMap<>();
      values.forEach((name, value) -> copy.put(name, Objects.requireNonNull(value, name)));
      copy.forEach(
          (name, value) -> {
            StoredFields.requireWholeCharacters("the name of a value", name);
            requireFinite(name, value);
          });
      values = Collections.unmodifiableMap(copy);
    }
  }

  /**
   * Checks the numbers and names.
   *
   * @throws IllegalArgumentException naming the first that does not do
   */
  public FitState {
    StoredFields.requireWholeCharacters("monitor", monitor);
    history = List.copyOf(history);
    if (history.size() > MAX_VALIDATIONS) {
      throw new IllegalArgumentException(
          "history has " + history.size() + " entries; needed at most " + MAX_VALIDATIONS);
    }
  }

  @Override
  public List<String> files() {
    return Stream.of(kept.bestFile(), kept.averageFile()).filter(name -> !name.isEmpty()).toList();
  }

  @Override
  public void requireNotAfter(long steps) {
    long last = history.isEmpty() ? 0 : history.get(history.size() - 1).step();
    for (long known : new long[] {start.step(), decisions.best().step(), last}) {
      if (known > steps) {
        throw new IllegalArgumentException(
            "the fit knows of step " + known + "; the progress is at step " + steps);
      }
    }
  }

  private static void requireName(CheckpointConfig.Kind kind, String field, String name) {
    if (!name.isEmpty() && !kind.isName(name)) {
      throw new IllegalArgumentException(
          field + " is '" + name + "', no name of a file of a checkpoint");
    }
  }

  private static void requireFinite(String name, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed a finite number");
    }
  }

  private static void requireNotNegative(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 0");
    }
  }
}
