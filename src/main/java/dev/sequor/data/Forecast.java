package dev.sequor.data;

import java.util.List;

/**
 * The next values of a series, as foretold after one of its rows.
 *
 * @param series its number, 0 for the first of the table
 * @param name what tells the series apart; empty if it is the only one
 * @param row the last row that the forecast knows of, 0 for the first of the series
 * @param line the line of the file in which that row begins
 * @param values those of rows {@code row + 1} to {@code row + K}, in the units of the table
 */
public record Forecast(int series, String name, int row, long line, List<Double> values) {
  /** Keeps a copy. */
  public Forecast {
    values = List.copyOf(values);
  }
}
