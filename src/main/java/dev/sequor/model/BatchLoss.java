package dev.sequor.model;

/**
 * The loss of some predictions.
 *
 * @param sum of the predictions' losses times their weights, in nats where they are likelihoods
 * @param predictions how many there were
 * @param weight the sum of their weights; as many as the predictions, unless some count more
 */
public record BatchLoss(double sum, long predictions, double weight) {
  /** Of predictions that all count the same. */
  public BatchLoss(double sum, long predictions) {
    this(sum, predictions, (double) predictions);
  }

  /**
   * The mean loss of a prediction, {@code Σ w·loss / Σ w}, in nats for likelihoods; NaN if there
   * were none.
   */
  public double mean() {
    return sum / weight;
  }

  /** The mean in bits: bits per character for a character model. */
  public double meanBits() {
    return mean() / Math.log(2);
  }

  /** {@code exp(mean)}: the perplexity of a language model. */
  public double perplexity() {
    return Math.exp(mean());
  }

  /** Both together. */
  public BatchLoss plus(BatchLoss other) {
    return new BatchLoss(sum + other.sum, predictions + other.predictions, weight + other.weight);
  }
}
