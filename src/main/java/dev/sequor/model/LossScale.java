package dev.sequor.model;

import dev.sequor.backend.UpdateReport;

/**
 * Where dynamic loss scaling stands, see {@link UpdateReport}.
 *
 * @param scale the factor of the loss's gradient in the next step; 1 for no scaling
 * @param updates since the scale last changed
 */
public record LossScale(float scale, long updates) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public LossScale {
    if (!(scale >= 1f && scale < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "the loss scale is " + scale + "; needed a finite number of at least 1");
    }
    if (updates < 0 || updates > UpdateReport.UPDATES_TO_DOUBLE) {
      throw new IllegalArgumentException(
          "the loss scale has stood for "
              + updates
              + " updates; needed 0 to "
              + UpdateReport.UPDATES_TO_DOUBLE);
    }
  }

  /** No scaling. */
  public static LossScale none() {
    return new LossScale(1f, 0);
  }
}
