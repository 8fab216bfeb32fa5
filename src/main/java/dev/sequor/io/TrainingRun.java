package dev.sequor.io;

import com.fasterxml.jackson.annotation.JacksonInject;
import com.fasterxml.jackson.annotation.OptBoolean;
import java.util.List;

/**
 * How a model is being trained, beyond what the trainer itself keeps: what it takes to go on with
 * the same data in the same order, and the loss so far. Counts are from 1 to 2^53.
 *
 * @param textFile the text; empty for the names of the Unicode characters, or for other data
 * @param heldOutFraction the part of the text that training never sees, from 0 to less than 1
 * @param corpusSha256 {@link dev.sequor.data.Corpus#fingerprint()}
 * @param sequenceLength {@code T}
 * @param newSteps steps from one update to the next, at most {@code T}; 0 stands for {@code T}
 * @param batchSize {@code B}; {@code T·B} is less than 2^31
 * @param seed key of initial weights, shuffling and dropout
 * @param totalSteps the step at which the run is complete
 * @param checkpointInterval steps from one checkpoint to the next
 * @param device what was asked for, for example {@code auto}
 * @param backend the device that was used, in words
 * @param curve the loss so far
 */
public record TrainingRun(
    String textFile,
    double heldOutFraction,
    String corpusSha256,
    int sequenceLength,
    @JacksonInject(value = NEW_STEPS, useInput = OptBoolean.TRUE) int newSteps,
    int batchSize,
    long seed,
    long totalSteps,
    long checkpointInterval,
    String device,
    String backend,
    Curve curve)
    implements CheckpointConfig.Run {

  /** What an older checkpoint, which does not say, is taken to say of {@link #newSteps()}: 0. */
  static final String NEW_STEPS = "newSteps";

  /** Beyond it a double, which many readers of JSON use, no longer tells n from n + 1. */
  private static final long MAX_COUNT = 1L << 53;

  /**
   * The loss over the steps, in bits per character; at most {@value #MAX_POINTS} points each.
   *
   * @param training means over consecutive steps, each at its last step
   * @param heldOut on held-out text, after its step
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
   * @param bitsPerCharacter from 0 to {@value #MAX_BITS}
   */
  public record Point(long step, double bitsPerCharacter) {
    /** A sum of float32 is less, and so is its mean. */
    public static final double MAX_BITS = 1e39;

    /**
     * Checks both numbers.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Point {
      count("step", step);
      if (!(bitsPerCharacter >= 0 && bitsPerCharacter <= MAX_BITS)) {
        throw new IllegalArgumentException(
            "bitsPerCharacter is " + bitsPerCharacter + "; needed 0 to " + MAX_BITS);
      }
    }
  }

  /**
   * Checks the numbers and texts.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public TrainingRun {
    count("sequenceLength", sequenceLength);
    newSteps = newSteps == 0 ? sequenceLength : newSteps;
    count("newSteps", newSteps);
    if (newSteps > sequenceLength) {
      throw new IllegalArgumentException(
          "newSteps is " + newSteps + "; needed at most sequenceLength, " + sequenceLength);
    }
    count("batchSize", batchSize);
    if ((long) sequenceLength * batchSize > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "sequenceLength · batchSize is "
              + (long) sequenceLength * batchSize
              + "; needed at most "
              + Integer.MAX_VALUE);
    }
    count("totalSteps", totalSteps);
    count("checkpointInterval", checkpointInterval);
    if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
      throw new IllegalArgumentException(
          "heldOutFraction is " + heldOutFraction + "; needed at least 0 and less than 1");
    }
    requireWholeCharacters("textFile", textFile);
    requireWholeCharacters("corpusSha256", corpusSha256);
    requireWholeCharacters("device", device);
    requireWholeCharacters("backend", backend);
  }

  private static void count(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 1");
    }
    if (value > MAX_COUNT) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at most " + MAX_COUNT);
    }
  }

  /** Half of a surrogate pair has no UTF-8. */
  private static void requireWholeCharacters(String name, String text) {
    if (text.codePoints().anyMatch(c -> Character.getType(c) == Character.SURROGATE)) {
      throw new IllegalArgumentException(
          name + " holds half of a surrogate pair; needed whole characters");
    }
  }

  /**
   * Throws if the curve goes on after {@code steps}.
   *
   * @throws IllegalArgumentException if so
   */
  void requireNotAfter(long steps) {
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
        textFile,
        heldOutFraction,
        corpusSha256,
        sequenceLength,
        newSteps,
        batchSize,
        seed,
        totalSteps,
        checkpointInterval,
        device,
        backend,
        curve);
  }
}
