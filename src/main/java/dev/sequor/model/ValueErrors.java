package dev.sequor.model;

/**
 * How far a model's outputs are from values that were to be predicted.
 *
 * @param absolute the sum of the absolute errors
 * @param squared the sum of the squared errors
 * @param values how many values there were; rows that do not count have none
 */
public record ValueErrors(double absolute, double squared, long values) {
  /** Of no value. */
  static final ValueErrors NONE = new ValueErrors(0, 0, 0);

  /** The mean absolute error; NaN if there were no values. */
  public double mae() {
    return absolute / values;
  }

  /** The root of the mean squared error; NaN if there were no values. */
  public double rmse() {
    return Math.sqrt(squared / values);
  }

  /** Both together. */
  public ValueErrors plus(ValueErrors other) {
    return new ValueErrors(
        absolute + other.absolute, squared + other.squared, values + other.values);
  }
}
