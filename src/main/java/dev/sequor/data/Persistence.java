package dev.sequor.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * The forecast that everything stays as it is: the last value, for each step ahead. A method that
 * is no better has learned nothing.
 *
 * @param spec a forecast
 */
public record Persistence(TableSpec spec) implements ForecastMethod {
  /**
   * Checks the goal.
   *
   * @throws IllegalArgumentException if it is no forecast
   */
  public Persistence {
    spec.requireForecast("persistence");
  }

  @Override
  public List<Forecast> forecasts(List<TableSeries> series, ToIntFunction<TableSeries> first) {
    List<Forecast> forecasts = new ArrayList<>();
    for (TableSeries one : series) {
      for (int row = first.applyAsInt(one); row < one.rows(); row++) {
        forecasts.add(
            new Forecast(
                one.number(),
                one.name(),
                row,
                one.line(row),
                Collections.nCopies(spec.goal().outputs(), one.target(row))));
      }
    }
    return forecasts;
  }
}
