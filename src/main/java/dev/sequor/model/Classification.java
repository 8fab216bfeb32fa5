package dev.sequor.model;

import java.util.List;

/**
 * The label that a model gives to a row of a table, or to a whole series.
 *
 * @param series its number, 0 for the first of the table
 * @param name what tells the series apart; empty if it is the only one
 * @param row of the series, 0 for its first; for the label of a whole series its last
 * @param line the line of the file in which that row begins
 * @param label the likeliest
 * @param probabilities of all labels, in the order of the goal's; their sum is 1
 */
public record Classification(
    int series, String name, int row, long line, String label, List<Double> probabilities) {
  /** Keeps a copy. */
  public Classification {
    probabilities = List.copyOf(probabilities);
  }
}
