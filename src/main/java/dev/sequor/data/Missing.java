package dev.sequor.data;

/** What is done with empty cells among the numbers of a table. */
public enum Missing {
  /** The table is refused. */
  REFUSED,
  /**
   * The last value of the same series is carried forward, never one that comes later; a series
   * whose first cell is empty is refused. Labels are never carried.
   */
  PREVIOUS
}
