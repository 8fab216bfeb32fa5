package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonAlias;
import dev.sequor.model.RateSchedule;
import java.util.List;

/**
 * How a model is being trained, beyond what the trainer itself keeps: what it takes to go on with
 * the same data in the same order, and the loss so far. Counts are from 1 to 2^53.
 *
 * @param source what is learned
 * @param sequenceLength {@code T}
 * @param newSteps steps from one update to the next, at most {@code T}; 0 stands for {@code T}
 * @param batchSize {@code B}; {@code T·B} is less than 2^31
 * @param seed key of initial weights, shuffling and dropout
 * @param totalSteps the step at which the run is complete
 * @param schedule how the learning rate goes over them
 * @param checkpointInterval steps from one checkpoint to the next
 * @param device what was asked for, for example {@code auto}
 * @param backend the device that was used, in words
 * @param curve the loss so far
 */
public record TrainingRun(
    DataSource source,
    int sequenceLength,
    int newSteps,
    int batchSize,
    long seed,
    long totalSteps,
    RateSchedule schedule,
    long checkpointInterval,
    String device,
    String backend,
    Curve curve)
    implements RunState {

  /**
   * The loss over the steps, in the unit that the data have; at most {@value #MAX_POINTS} points
   * each.
   *
   * @param training means over consecutive steps, each at its last step
   * @param heldOut on held-out data, after its step
   */
  public record Curve(List<Point> training, List<Point> heldOut) {
    /** The most points of one curve. */
    public static final int MAX_POINTS = 10_000;

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException if one is too long, or its steps do not ascend
     */
    public Curve {
      training = List.copyOf(training);
      heldOut = List.copyOf(heldOut);
      requireAscending("training", training);
      requireAscending("heldOut", heldOut);
    }

    private static void requireAscending(String name, List<Point> points) {
      if (points.size() > MAX_POINTS) {
        throw new IllegalArgumentException(
            name + " has " + points.size() + " points; needed at most " + MAX_POINTS);
      }
      for (int i = 1; i < points.size(); i++) {
        if (points.get(i).step() <= points.get(i - 1).step()) {
          throw new IllegalArgumentException(
              name
                  + "["
                  + i
                  + "] is at step "
                  + points.get(i).step()
                  + " after "
                  + points.get(i - 1).step()
                  + "; needed ascending steps");
        }
      }
    }
  }

  /**
   * A loss after a number of steps.
   *
   * @param step from 1
   * @param loss from 0 to {@value #MAX_LOSS}; once called {@code bitsPerCharacter}
   */
  public record Point(long step, @JsonAlias("bitsPerCharacter") double loss) {
    /** A sum of float32 is less, and so is its mean. */
    public static final double MAX_LOSS = 1e39;

    /**
     * Checks both numbers.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Point {
      StoredFields.count("step", step);
      if (!(loss >= 0 && loss <= MAX_LOSS)) {
        throw new IllegalArgumentException("loss is " + loss + "; needed 0 to " + MAX_LOSS);
      }
    }
  }

  /**
   * Checks the numbers and texts.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public TrainingRun {
    StoredFields.count("sequenceLength", sequenceLength);
    newSteps = newSteps == 0 ? sequenceLength : newSteps;
    StoredFields.count("newSteps", newSteps);
    if (newSteps > sequenceLength) {
      throw new IllegalArgumentException(
          "newSteps is " + newSteps + "; needed at most sequenceLength, " + sequenceLength);
    }
    StoredFields.count("batchSize", batchSize);
    if ((long) sequenceLength * batchSize > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "sequenceLength · batchSize is "
              + (long) sequenceLength * batchSize
              + "; needed at most "
              + Integer.MAX_VALUE);
    }
    StoredFields.count("totalSteps", totalSteps);
    StoredFields.count("checkpointInterval", checkpointInterval);
    StoredFields.requireWholeCharacters("device", device);
    StoredFields.requireWholeCharacters("backend", backend);
  }

  @Override
  public void requireNotAfter(long steps) {
    for (List<Point> points : List.of(curve.training(), curve.heldOut())) {
      if (!points.isEmpty() && points.get(points.size() - 1).step() > steps) {
        throw new IllegalArgumentException(
            "the curve goes to step "
                + points.get(points.size() - 1).step()
                + "; the progress is at step "
                + steps);
      }
    }
  }

  /** The same with another {@code curve}. */
  public TrainingRun withCurve(Curve curve) {
    return with(backend, curve);
  }

  /** The same on another device. */
  public TrainingRun withBackend(String backend) {
    return with(backend, curve);
  }

  private TrainingRun with(String backend, Curve curve) {
    return new TrainingRun(
        source,
        sequenceLength,
        newSteps,
        batchSize,
        seed,
        totalSteps,
        schedule,
        checkpointInterval,
        device,
        backend,
        curve);
  }
}
