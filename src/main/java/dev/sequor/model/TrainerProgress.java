package dev.sequor.model;

/**
 * The numbers of a trainer's state.
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
  /**
   * Checks that counts are counts.
   *
   * @throws IllegalArgumentException naming the first that is negative
   */
  public TrainerProgress {
    atLeastZero("steps", steps);
    atLeastZero("updates", updates);
    atLeastZero("skippedSteps", skippedSteps);
    atLeastZero("consecutiveSkippedSteps", consecutiveSkippedSteps);
    atLeastZero("epoch", epoch);
    atLeastZero("position", position);
    atLeastZero("carriedBatchSize", carriedBatchSize);
  }

  private static void atLeastZero(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 0");
    }
  }
}
