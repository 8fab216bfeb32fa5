package dev.sequor.data;

/**
 * A column of numbers and how a model sees it: transformed, less the mean, by the deviation, both
 * of the transformed values in the training part.
 *
 * @param name of the column
 * @param transformation what is done first
 * @param mean finite
 * @param deviation the standard deviation (population), at least 0; 0 for a column that was
 *     constant in the training part, which is scaled by 1
 */
public record TableColumn(
    String name, Transformation transformation, double mean, double deviation) {
  /**
   * Checks each.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public TableColumn {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a column has no name; needed one");
    }
    if (!Double.isFinite(mean)) {
      throw new IllegalArgumentException(
          "the mean of column '" + name + "' is " + mean + "; needed a finite number");
    }
    if (!(deviation >= 0) || Double.isInfinite(deviation)) {
      throw new IllegalArgumentException(
          "the deviation of column '"
              + name
              + "' is "
              + deviation
              + "; needed a finite number of at least 0");
    }
  }

  /** Whether all values of the training part were the same. */
  public boolean wasConstant() {
    return deviation == 0;
  }

  private double scale() {
    return wasConstant() ? 1 : deviation;
  }

  /** What a model sees of {@code value}. */
  public double scaled(double value) {
    return (transformation.apply(value) - mean) / scale();
  }

  /** The value of which a model sees {@code scaled}, in the units of the table. */
  public double original(double scaled) {
    return transformation.undo(scaled * scale() + mean);
  }
}
