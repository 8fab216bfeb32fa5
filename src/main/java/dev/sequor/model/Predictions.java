package dev.sequor.model;

/**
 * The predictions of a window that count.
 *
 * @param count how many
 * @param weight the sum of their weights
 */
record Predictions(int count, double weight) {
  /** Their loss, the sum of which is {@code sum}. */
  BatchLoss loss(float sum) {
    return new BatchLoss(sum, count, weight);
  }

  /** Both together. */
  Predictions plus(Predictions other) {
    return new Predictions(count + other.count, weight + other.weight);
  }

  /**
   * These.
   *
   * @throws IllegalArgumentException if there is none
   */
  Predictions requireSome() {
    if (count == 0) {
      throw new IllegalArgumentException("the window has no target that counts; needed at least 1");
    }
    return this;
  }
}
