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
}
