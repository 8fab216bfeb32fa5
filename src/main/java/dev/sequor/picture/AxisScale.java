package dev.sequor.picture;

/** What distances along an axis stand for. */
public enum AxisScale {
  /** Differences. */
  LINEAR,
  /** Differences, of values that are counts: only whole numbers are marked. */
  INTEGER,
  /** Ratios; all values are above 0. */
  LOGARITHMIC
}
