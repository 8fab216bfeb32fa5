package dev.sequor.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * How far forecasts are off, in the units of the table, over all steps ahead and for each of them.
 *
 * @param rmse root of the mean squared error over all steps
 * @param mae mean absolute error over all steps
 * @param steps the same for one step ahead, two, … {@code K}
 */
public record ForecastErrors(double rmse, double mae, List<Step> steps) {
  /**
   * The errors so many steps ahead.
   *
   * @param rmse root of the mean squared error; NaN if there are no forecasts
   * @param mae mean absolute error; NaN if there are no forecasts
   * @param forecasts how many there are of values that are known
   */
  public record Step(double rmse, double mae, long forecasts) {}

  /** Keeps a copy. */
  public ForecastErrors {
    steps = List.copyOf(steps);
  }

  /** Of the forecasts that {@code method} makes after rows {@code first} to the last. */
  static ForecastErrors of(
      ForecastMethod method, List<TableSeries> series, ToIntFunction<TableSeries> first) {
    int horizon = method.spec().goal().outputs();
    double[] squares = new double[horizon];
    double[] absolutes = new double[horizon];
    long[] counts = new long[horizon];
    for (Forecast forecast : method.forecasts(series, first)) {
      TableSeries of = series.get(forecast.series());
      int steps = Math.min(horizon, of.rows() - 1 - forecast.row());
      for (int k = 0; k < steps; k++) {
        double error = forecast.values().get(k) - of.target(forecast.row() + 1 + k);
        squares[k] += error * error;
        absolutes[k] += Math.abs(error);
        counts[k]++;
      }
    }
    List<Step> steps = new ArrayList<>();
    double allSquares = 0;
    double allAbsolutes = 0;
    long all = 0;
    for (int k = 0; k < horizon; k++) {
      steps.add(new Step(Math.sqrt(squares[k] / counts[k]), absolutes[k] / counts[k], counts[k]));
      allSquares += squares[k];
      allAbsolutes += absolutes[k];
      all += counts[k];
    }
    if (all == 0) {
      throw new IllegalArgumentException(
          "no forecast is of a value that is known; needed rows that are held out, and forecast");
    }
    return new ForecastErrors(Math.sqrt(allSquares / all), allAbsolutes / all, steps);
  }
}
