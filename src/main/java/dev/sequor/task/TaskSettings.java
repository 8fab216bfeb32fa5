package dev.sequor.task;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import org.jspecify.annotations.Nullable;

/**
 * How large a task's model is and how it is trained, by Adam. The learning rate stays as it is for
 * the first half of the steps and falls to nothing in the second, see {@link #learningRate(long)}.
 *
 * @param cell of the recurrent layers; null for a network without any
 * @param options what is changed inside the cell
 * @param hiddenSize {@code H}, units of a layer, of one direction if there are two
 * @param layers recurrent layers of each stack; hidden dense ones in a network without any
 * @param batchSize {@code B}
 * @param steps updates
 * @param learningRate of the first half
 * @param clip largest norm of the gradient; 0 for no bound
 */
public record TaskSettings(
    @Nullable CellType cell,
    CellOptions options,
    int hiddenSize,
    int layers,
    int batchSize,
    long steps,
    float learningRate,
    float clip) {
  /** The most steps: more than any device makes in a human life. */
  public static final long MOST_STEPS = RateSchedule.MOST_STEPS;

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first that is out of range, or an option of a cell
   *     that is not there
   */
  public TaskSettings {
    if (cell == null && !Required.present("options", options).changeNothing()) {
      throw new IllegalArgumentException(
          "the cell's options are " + options + "; a network without recurrent layers has no cell");
    }
    Required.present("options", options);
    Sizes.atLeastOne("hiddenSize", hiddenSize);
    Sizes.atLeastOne("layers", layers);
    Sizes.atLeastOne("batchSize", batchSize);
    if (steps < 1 || steps > MOST_STEPS) {
      throw new IllegalArgumentException("steps is " + steps + "; needed 1 to " + MOST_STEPS);
    }
    if (!(learningRate > 0 && learningRate < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "learningRate is " + learningRate + "; needed a finite number greater than 0");
    }
    if (!(clip >= 0 && clip < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "clip is " + clip + "; needed a finite number greater than 0, or 0 for no bound");
    }
  }

  /** Of one recurrent layer, with a bound of 1 of the gradient's norm. */
  static TaskSettings of(
      CellType cell, int hiddenSize, int batchSize, long steps, float learningRate) {
    return new TaskSettings(
        cell, CellOptions.NONE, hiddenSize, 1, batchSize, steps, learningRate, 1f);
  }

  /** The cell; throws if there is none. */
  CellType neededCell(String task) {
    if (cell == null) {
      throw new IllegalArgumentException(task + " is learned by recurrent layers; needed a cell");
    }
    return cell;
  }

  /** The same with another cell. */
  public TaskSettings withCell(@Nullable CellType cell) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with other options of the cell. */
  public TaskSettings withOptions(CellOptions options) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with other units. */
  public TaskSettings withHiddenSize(int hiddenSize) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with other layers. */
  public TaskSettings withLayers(int layers) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with other batches. */
  public TaskSettings withBatchSize(int batchSize) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with other updates. */
  public TaskSettings withSteps(long steps) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with another rate. */
  public TaskSettings withLearningRate(float learningRate) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** The same with another bound of the gradient. */
  public TaskSettings withClip(float clip) {
    return new TaskSettings(
        cell, options, hiddenSize, layers, batchSize, steps, learningRate, clip);
  }

  /** Adam, with the first rate. */
  public Optimizer optimizer() {
    return Optimizer.adam(learningRate);
  }

  /** The bound of the gradient. */
  public Clipping clipping() {
    return Clipping.byGlobalNorm(clip);
  }

  /**
   * The learning rate of the update after {@code step} others, by {@link RateSchedule#LINEAR}.
   *
   * @throws IllegalArgumentException if {@code step} is negative, or more than {@link #MOST_STEPS}
   */
  public float learningRate(long step) {
    return RateSchedule.LINEAR.rate(learningRate, step, steps);
  }

  /** How many updates after {@code step} others have the same learning rate; at least 1. */
  public long stepsAtSameRate(long step) {
    return RateSchedule.LINEAR.stepsAtSameRate(step, steps);
  }
}
