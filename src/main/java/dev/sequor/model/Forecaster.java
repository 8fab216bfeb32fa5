package dev.sequor.model;

import dev.sequor.backend.Loss;
import dev.sequor.data.Forecast;
import dev.sequor.data.ForecastMethod;
import dev.sequor.data.Table;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSeries;
import dev.sequor.data.TableSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * A model that foretells the next {@code K} values of a column, in the units of the table: it reads
 * each series from its first row, and puts out all {@code K} at once after every row.
 *
 * <pre>{@code
 * TableSpec spec = TableSpec.forecast("price", 3).fit(table);
 * SequenceModel model = new SequenceModel(backend, Forecaster.model(spec).hiddenSize(32).build(), 1);
 * // … train it on new TableWindows(table, spec, 32, 16, 1)
 * ForecastErrors errors = new Forecaster(model, spec).heldOutErrors(table);
 * }</pre>
 */
public final class Forecaster implements ForecastMethod {
  private final SequenceModel model;
  private final TableSpec spec;
  private final TableGoal.Forecast goal;

  /**
   * A forecaster by a trained model.
   *
   * @param model stays the caller's
   * @throws IllegalArgumentException if {@code spec} is no forecast, or the model does not fit it;
   *     it must carry its state, since one that also reads from the end would see what it foretells
   */
  public Forecaster(SequenceModel model, TableSpec spec) {
    this.goal = spec.requireForecast("a Forecaster");
    SeriesOutputs.requireFit(model.spec(), spec, false);
    if (!model.carriesState()) {
      throw new IllegalArgumentException(
          "the model needs whole sequences, and so sees the values that it should foretell; needed"
              + " a unidirectional one");
    }
    if (model.spec().loss().function().takesClasses()
        || model.spec().loss().function().takesLabels()) {
      throw new IllegalArgumentException(
          "the model's loss is "
              + model.spec().loss().function()
              + "; a forecast needs one of real vectors");
    }
    this.model = model;
    this.spec = spec;
  }

  /**
   * A model for {@code spec}: vectors of the input columns in, {@code K} numbers out after every
   * step, squared error; otherwise as {@link SequenceModelSpec#builder}.
   *
   * @throws IllegalArgumentException if {@code spec} is no forecast
   */
  public static SequenceModelSpec.Builder model(TableSpec spec) {
    return SequenceModelSpec.builder(
            InputSpec.dense(spec.inputs().size()), spec.requireForecast("a Forecaster").horizon())
        .loss(Loss.meanSquaredError());
  }

  @Override
  public TableSpec spec() {
    return spec;
  }

  /** Of the table the input columns only. */
  @Override
  public List<TableSeries> series(Table table) {
    return spec.inputsOf(table);
  }

  @Override
  public List<Forecast> forecasts(List<TableSeries> series, ToIntFunction<TableSeries> first) {
    List<Forecast> forecasts = new ArrayList<>();
    int horizon = goal.horizon();
    SeriesOutputs.run(
        model,
        series,
        false,
        (one, row, outputs, at) -> {
          if (row < first.applyAsInt(one)) {
            return;
          }
          List<Double> values = new ArrayList<>(horizon);
          for (int k = 0; k < horizon; k++) {
            values.add(goal.target().original(outputs[at + k]));
          }
          forecasts.add(new Forecast(one.number(), one.name(), row, one.line(row), values));
        });
    // Long series come piece by piece, beside others.
    forecasts.sort(Comparator.comparingInt(Forecast::series).thenComparingInt(Forecast::row));
    return forecasts;
  }
}
