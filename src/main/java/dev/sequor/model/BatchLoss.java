package dev.sequor.model;

/**
 * The loss of some predictions.
 *
 * @param sum of the predictions' losses, in nats where they are likelihoods
 * @param predictions how many there were
 */
public record BatchLoss(double sum, long predictions) {
  /** The mean loss of a prediction, in nats for likelihoods; NaN if there were none. */
  public double mean() {
    return sum / predictions;
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
    return new BatchLoss(sum + other.sum, predictions + other.predictions);
  }
}
