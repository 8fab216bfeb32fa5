package dev.sequor.task;

import dev.sequor.backend.Required;

/**
 * One number that a model is judged by.
 *
 * @param name what it is, one word in camel case, for example {@code meanSquaredError}
 * @param value of the model
 * @param moreIsBetter whether a larger one is a better one
 * @param quality what it is to be, at least or at most
 */
public record Figure(String name, double value, boolean moreIsBetter, double quality) {
  /**
   * Checks that it has a name.
   *
   * @throws IllegalArgumentException if not
   */
  public Figure {
    Required.present("name", name);
  }

  /** To be at least {@code quality}. */
  static Figure atLeast(double quality, String name, double value) {
    return new Figure(name, value, true, quality);
  }

  /** To be at most {@code quality}. */
  static Figure atMost(double quality, String name, double value) {
    return new Figure(name, value, false, quality);
  }

  /** Whether the value is as good as it is to be; NaN never is. */
  public boolean reached() {
    return moreIsBetter ? value >= quality : value <= quality;
  }
}
