package dev.sequor.model;

/**
 * How many predictions of classes are right.
 *
 * @param right those whose target is the likeliest class; of equally likely ones the smallest
 *     counts
 * @param predictions how many there were: padding, and rows without a target or with a weight of 0,
 *     are none
 */
public record Accuracy(long right, long predictions) {
  /** Of no prediction. */
  static final Accuracy NONE = new Accuracy(0, 0);

  /** The fraction that is right, 0 to 1; NaN if there were none. */
  public double rate() {
    return (double) right / predictions;
  }

  /** Both together. */
  public Accuracy plus(Accuracy other) {
    return new Accuracy(right + other.right, predictions + other.predictions);
  }
}
