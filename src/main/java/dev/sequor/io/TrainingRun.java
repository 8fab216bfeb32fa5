package dev.sequor.io;

import java.util.List;

/**
 * How a text model is being trained, beyond what the trainer itself keeps: what it takes to go on
 * with the same text in the same order, and the loss so far.
 *
 * @param textFile the text; empty for the names of the Unicode characters
 * @param heldOutFraction the part of the text that training never sees
 * @param corpusSha256 {@link dev.sequor.data.Corpus#fingerprint()}
 * @param sequenceLength {@code T}
 * @param batchSize {@code B}
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
    int batchSize,
    long seed,
    long totalSteps,
    long checkpointInterval,
    String device,
    String backend,
    Curve curve) {

  /**
   * The loss over the steps, in bits per character.
   *
   * @param training means over consecutive steps, each at its last step
   * @param heldOut on held-out text, after its step
   */
  public record Curve(List<Point> training, List<Point> heldOut) {
    /** Copies the lists. */
    public Curve {
      training = List.copyOf(training);
      heldOut = List.copyOf(heldOut);
    }
  }

  /** A loss after a number of steps. */
  public record Point(long step, double bitsPerCharacter) {}

  /** Checks the sizes. */
  public TrainingRun {
    atLeastOne("sequenceLength", sequenceLength);
    atLeastOne("batchSize", batchSize);
    atLeastOne("totalSteps", totalSteps);
    atLeastOne("checkpointInterval", checkpointInterval);
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
        batchSize,
        seed,
        totalSteps,
        checkpointInterval,
        device,
        backend,
        curve);
  }

  private static void atLeastOne(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 1");
    }
  }
}
