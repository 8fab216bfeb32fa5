package dev.sequor.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * The linear autoregression AR(p): {@code v_t = c + a₁·v_{t−1} + … + a_p·v_{t−p}}, iterated for
 * steps further ahead. Where a series has fewer than {@code p} rows so far, its first value stands
 * for those before it.
 *
 * @param spec a forecast; other inputs than the target are not looked at
 * @param transformation what is done to the values first, and undone to the forecasts
 * @param intercept {@code c}, of transformed values
 * @param coefficients {@code a₁} to {@code a_p}
 */
public record Autoregression(
    TableSpec spec, Transformation transformation, double intercept, List<Double> coefficients)
    implements ForecastMethod {
  /** The order of the usual model of yearly sunspot numbers. */
  public static final int USUAL_ORDER = 9;

  /**
   * Checks the goal.
   *
   * @throws IllegalArgumentException if it is no forecast, or there are no coefficients
   */
  public Autoregression {
    spec.requireForecast("an autoregression");
    coefficients = List.copyOf(coefficients);
    requireOrder(coefficients.size());
  }

  private static void requireOrder(int order) {
    if (order < 1) {
      throw new IllegalArgumentException(
          "the order of the autoregression is " + order + "; needed at least 1");
    }
  }

  /**
   * Fitted by least squares to the training part of all series of a table, of the values as they
   * are. Of lags that follow from others, as those of a sine do, some have the coefficient 0.
   *
   * @param order {@code p}
   * @throws IllegalArgumentException if the table does not fit {@code spec}, or has fewer than
   *     {@code 2·p + 1} rows to learn from: as many equations as numbers to find
   */
  public static Autoregression fit(Table table, TableSpec spec, int order) {
    return fit(table, spec, order, Transformation.NONE);
  }

  /**
   * The same of transformed values.
   *
   * @throws IllegalArgumentException also if a value has no such transform
   */
  public static Autoregression fit(
      Table table, TableSpec spec, int order, Transformation transformation) {
    requireOrder(order);
    TableColumn target = spec.requireForecast("an autoregression").target();
    List<TableSeries> series = spec.series(table);
    long equations = 0;
    int longest = 0;
    for (TableSeries one : series) {
      equations += Math.max(0, one.trainingRows() - order);
      longest = Math.max(longest, one.trainingRows());
    }
    if (equations < order + 1L) {
      throw new IllegalArgumentException(
          table.source()
              + ": an autoregression of order "
              + order
              + " has "
              + (order + 1)
              + " numbers to find, and "
              + equations
              + (equations == 1 ? " row" : " rows")
              + " with "
              + order
              + " before it in the training part (the longest series has "
              + longest
              + "); needed at least as many");
    }
    // Less a mean and by a deviation, so that the columns of the equations are of one size.
    TableColumn scale =
        new TableColumn(
            target.name(), transformation, mean(table, spec, series, transformation), 1);
    LeastSquares fit = new LeastSquares(order + 1);
    double[] row = new double[order + 1];
    for (TableSeries one : series) {
      for (int t = order; t < one.trainingRows(); t++) {
        row[0] = 1;
        for (int lag = 1; lag <= order; lag++) {
          row[lag] = scale.scaled(one.target(t - lag));
        }
        fit.add(row, scale.scaled(one.target(t)));
      }
    }
    double[] found = fit.solution();
    double intercept = found[0] + scale.mean();
    List<Double> coefficients = new ArrayList<>();
    for (int lag = 1; lag <= order; lag++) {
      coefficients.add(found[lag]);
      intercept -= found[lag] * scale.mean();
    }
    return new Autoregression(spec, transformation, intercept, coefficients);
  }

  private static double mean(
      Table table, TableSpec spec, List<TableSeries> series, Transformation transformation) {
    double mean = 0;
    long count = 0;
    for (TableSeries one : series) {
      for (int t = 0; t < one.rows(); t++) {
        double value = transformation.apply(one.target(t));
        if (!Double.isFinite(value)) {
          throw new IllegalArgumentException(
              table.source()
                  + ": line "
                  + one.line(t)
                  + ", column '"
                  + spec.goal().targetName()
                  + "': the cell holds "
                  + one.target(t)
                  + ", of which there is no "
                  + transformation);
        }
        if (t < one.trainingRows()) {
          count++;
          mean += (value - mean) / count;
        }
      }
    }
    return mean;
  }

  @Override
  public List<Forecast> forecasts(List<TableSeries> series, ToIntFunction<TableSeries> first) {
    int order = coefficients.size();
    int horizon = spec.goal().outputs();
    List<Forecast> forecasts = new ArrayList<>();
    double[] values = new double[order + horizon];
    for (TableSeries one : series) {
      for (int row = first.applyAsInt(one); row < one.rows(); row++) {
        for (int i = 0; i < order; i++) {
          values[i] = transformation.apply(one.target(Math.max(0, row - order + 1 + i)));
        }
        List<Double> next = new ArrayList<>(horizon);
        for (int k = order; k < values.length; k++) {
          double value = intercept;
          for (int lag = 1; lag <= order; lag++) {
            value += coefficients.get(lag - 1) * values[k - lag];
          }
          values[k] = value;
          next.add(transformation.undo(value));
        }
        forecasts.add(new Forecast(one.number(), one.name(), row, one.line(row), next));
      }
    }
    return forecasts;
  }
}
