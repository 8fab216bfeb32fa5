package dev.sequor.model;

/**
 * How many labels are right.
 *
 * @param right as they are in the table
 * @param total all that were compared
 */
public record LabelAccuracy(long right, long total) {
  /** The part that is right; NaN of none. */
  public double rate() {
    return (double) right / total;
  }
}
