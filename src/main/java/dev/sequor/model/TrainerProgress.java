package dev.sequor.model;

/**
 * The numbers of a trainer's state; all but the seed are counts from 0 to 2^53.
 *
 * @param seed key of the dropout bits
 * @param steps windows learned from, skipped ones included; also the next offset of the dropout
 *     bits
 * @param updates updates made; Adam's bias corrections count them
 * @param skippedSteps steps whose gradient was not finite and that changed nothing
 * @param consecutiveSkippedSteps of these, the ones since the last update
 * @param epoch epochs completed
 * @param position windows of the current epoch completed
 * @param carriedBatchSize streams of the carried state; 0 if none is carried
 */
public record TrainerProgress(
    long seed,
    long steps,
    long updates,
    long skippedSteps,
    long consecutiveSkippedSteps,
    long epoch,
    long position,
    int carriedBatchSize) {

  /** 2^53: beyond it a double, which many readers of JSON use, no longer tells n from n + 1. */
  private static final long MAX_COUNT = 1L << 53;

  /**
   * Checks that counts are counts, and that every step was an update or skipped.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public TrainerProgress {
    count("steps", steps);
    count("updates", updates);
    count("skippedSteps", skippedSteps);
    count("consecutiveSkippedSteps", consecutiveSkippedSteps);
    count("epoch", epoch);
    count("position", position);
    count("carriedBatchSize", carriedBatchSize);
    if (updates + skippedSteps != steps) {
      throw new IllegalArgumentException(
          "steps is "
              + steps
              + "; needed the sum of "
              + updates
              + " updates and "
              + skippedSteps
              + " skippedSteps");
    }
    if (consecutiveSkippedSteps > skippedSteps) {
      throw new IllegalArgumentException(
          "consecutiveSkippedSteps is "
              + consecutiveSkippedSteps
              + "; needed at most the "
              + skippedSteps
              + " skippedSteps");
    }
  }

  private static void count(String name, long value) {
    if (value < 0 || value > MAX_COUNT) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 to " + MAX_COUNT);
    }
  }
}
