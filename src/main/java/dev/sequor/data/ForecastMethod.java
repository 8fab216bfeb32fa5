package dev.sequor.data;

import java.util.List;
import java.util.function.ToIntFunction;

/**
 * Something that foretells the next {@code K} values of a series after any of its rows, from that
 * row and those before it. All methods are judged in the same way, so they can be compared.
 */
public interface ForecastMethod {
  /** What is forecast; always a {@link TableGoal.Forecast}. */
  TableSpec spec();

  /**
   * The forecasts after rows {@code first} to the last of each series, in this order.
   *
   * @param series as {@link #series} has read them
   * @param first from which row on, for each series; its number of rows for none
   */
  List<Forecast> forecasts(List<TableSeries> series, ToIntFunction<TableSeries> first);

  /**
   * The series of a table as this method needs them.
   *
   * @throws IllegalArgumentException if the table does not fit {@link #spec()}; names the file, the
   *     line and the column
   */
  default List<TableSeries> series(Table table) {
    return spec().series(table);
  }

  /**
   * The {@code K} values that come after the last row of each series.
   *
   * @throws IllegalArgumentException as {@link #series}
   */
  default List<Forecast> afterLastRow(Table table) {
    return forecasts(series(table), one -> one.rows() - 1);
  }

  /**
   * The forecasts after each row of a table that training has not seen.
   *
   * @throws IllegalArgumentException as {@link #series}
   */
  default List<Forecast> afterEachRow(Table table) {
    return forecasts(series(table), one -> 0);
  }

  /**
   * The forecasts of the held-out part: those after the last row that trained, and after each row
   * since then. Every row that is held out is foretold one step ahead, and so on up to {@code K}
   * steps as far as there are rows.
   *
   * @throws IllegalArgumentException as {@link #series}
   */
  default List<Forecast> heldOut(Table table) {
    return forecasts(series(table), TableSeries::firstForecast);
  }

  /**
   * How far the forecasts of the held-out part are off.
   *
   * @throws IllegalArgumentException as {@link #series}, or if nothing is held out
   */
  default ForecastErrors heldOutErrors(Table table) {
    return ForecastErrors.of(this, spec().series(table), TableSeries::firstForecast);
  }

  /**
   * How far the forecasts after every row of a table that training has not seen are off.
   *
   * @throws IllegalArgumentException as {@link #series}, or if no series has two rows
   */
  default ForecastErrors errors(Table table) {
    return ForecastErrors.of(this, spec().series(table), one -> 0);
  }
}
