package dev.sequor.cli;

import dev.sequor.data.Autoregression;
import dev.sequor.data.DataSpec;
import dev.sequor.data.Forecast;
import dev.sequor.data.ForecastErrors;
import dev.sequor.data.ForecastMethod;
import dev.sequor.data.Persistence;
import dev.sequor.data.Table;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSeries;
import dev.sequor.data.TableSpec;
import dev.sequor.data.TableWindows;
import dev.sequor.data.WindowSource;
import dev.sequor.io.DataSource;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.Accuracy;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Classification;
import dev.sequor.model.Forecaster;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TableClassifier;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Rows of a table, to be forecast or classified. */
final class TableSubject implements Subject {
  private static final int WATCHED_ROWS = 32_768;
  private static final int CHECKED_ROWS = 512;

  private final Rows rows;
  private final TableSpec spec;
  private final int batchSize;
  private final TableWindows windows;
  private final List<TableSeries> series;

  /**
   * A table and where it is from.
   *
   * @param source where
   * @param table what it holds
   */
  record Rows(DataSource.Table source, Table table) {
    /** The table of a file; of none, the sunspots. */
    static Rows of(String file, String separator, Table table) {
      return new Rows(new DataSource.Table(file, separator, table.fingerprint()), table);
    }
  }

  /** Windows of a table's training part. */
  TableSubject(Rows rows, TableSpec spec, int timeSteps, int batchSize, long seed) {
    this.rows = rows;
    this.spec = spec;
    this.windows = new TableWindows(rows.table(), spec, timeSteps, batchSize, seed);
    this.batchSize = batchSize;
    this.series = spec.series(rows.table());
  }

  /** The table of a run. */
  static TableSubject resumed(Path directory, Rows rows, TableSpec spec, TrainingRun run) {
    if (!rows.source().sha256().equals(((DataSource.Table) run.source()).sha256())) {
      throw new IllegalArgumentException(
          rows.table().source()
              + ": not the table that "
              + directory
              + " was trained on, so the run cannot go on");
    }
    return new TableSubject(rows, spec, run.sequenceLength(), run.batchSize(), run.seed());
  }

  /**
   * What a model's numbers mean.
   *
   * @throws IllegalArgumentException if it is no model of a table
   */
  static TableSpec spec(Path directory, @Nullable DataSpec data) {
    if (data instanceof TableSpec spec) {
      return spec;
    }
    throw new IllegalArgumentException(
        directory + ": the model knows no columns of a table; needed a model of a table");
  }

  /** A network for {@code spec}. */
  static SequenceModelSpec.Builder model(TableSpec spec) {
    return spec.goal() instanceof TableGoal.Forecast
        ? Forecaster.model(spec)
        : TableClassifier.model(spec);
  }

  /** {@code T}. */
  int timeSteps() {
    return windows.timeSteps();
  }

  /** {@code B}. */
  int batchSize() {
    return batchSize;
  }

  @Override
  public String name() {
    return rows.table().source();
  }

  @Override
  public String shortName() {
    return rows.source().file().isEmpty()
        ? CsvOptions.SUNSPOTS
        : Inputs.shortName(rows.source().file());
  }

  @Override
  public String heldOutName() {
    return "held-out rows";
  }

  @Override
  public TableSpec data() {
    return spec;
  }

  @Override
  public DataSource source() {
    return rows.source();
  }

  @Override
  public WindowSource windows() {
    return windows;
  }

  @Override
  public long learnedInOneStep() {
    return (long) batchSize * windows.timeSteps();
  }

  @Override
  public Measure measure() {
    return Measure.ROWS;
  }

  @Override
  public BatchLoss judge(SequenceModel model, Effort effort) {
    Map<Integer, TableSeries> judged =
        switch (effort) {
          case CHECK -> some(CHECKED_ROWS);
          case WATCH -> some(WATCHED_ROWS);
          case ALL -> some(Integer.MAX_VALUE);
        };
    return spec.goal() instanceof TableGoal.Forecast forecast
        ? squaredErrors(new Forecaster(model, spec), forecast, judged)
        : surprise(new TableClassifier(model, spec), judged);
  }

  /**
   * The first series, by number, that have {@code rows} held-out rows together, each with at most
   * so many rows before these; without those that are too short to be judged by.
   */
  private Map<Integer, TableSeries> some(int rows) {
    Map<Integer, TableSeries> some = new LinkedHashMap<>();
    int needed = spec.goal() instanceof TableGoal.Forecast forecast ? forecast.horizon() : 1;
    int left = rows;
    for (TableSeries one : series) {
      int all = one.rows() - one.trainingRows();
      if (left > 0 && all >= needed) {
        int heldOut = Math.min(all, Math.max(left, needed));
        boolean whole = spec.labelsWholeSeries();
        int from = whole ? 0 : Math.max(0, one.trainingRows() - rows);
        int to = whole ? one.rows() : one.trainingRows() + heldOut;
        some.put(one.number(), one.part(from, to));
        left -= heldOut;
      }
    }
    return some;
  }

  /** Of the forecasts whose rows are all known, in the scale that the model has: as in training. */
  private static BatchLoss squaredErrors(
      Forecaster forecaster, TableGoal.Forecast goal, Map<Integer, TableSeries> judged) {
    double sum = 0;
    long count = 0;
    for (Forecast forecast :
        forecaster.forecasts(List.copyOf(judged.values()), TableSeries::firstForecast)) {
      TableSeries of = Objects.requireNonNull(judged.get(forecast.series()));
      if (forecast.row() + goal.horizon() >= of.rows()) {
        continue;
      }
      double squares = 0;
      for (int k = 0; k < goal.horizon(); k++) {
        double error =
            goal.target().scaled(forecast.values().get(k))
                - goal.target().scaled(of.target(forecast.row() + 1 + k));
        squares += error * error;
      }
      sum += squares / goal.horizon();
      count++;
    }
    return new BatchLoss(sum, count);
  }

  /** The cross-entropy of the labels. */
  private static BatchLoss surprise(TableClassifier classifier, Map<Integer, TableSeries> judged) {
    double sum = 0;
    long count = 0;
    for (Classification said :
        classifier.labels(List.copyOf(judged.values()), TableSeries::trainingRows)) {
      TableSeries of = Objects.requireNonNull(judged.get(said.series()));
      int right = of.labelClass(said.row());
      sum -= Math.log(Math.max(said.probabilities().get(right), Double.MIN_NORMAL));
      count++;
    }
    return new BatchLoss(sum, count);
  }

  @Override
  public String size() {
    long training = series.stream().mapToLong(TableSeries::trainingRows).sum();
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "%,d rows to learn, %,d held out%s",
            training,
            rows.table().rows() - training,
            series.size() == 1 ? "" : String.format(Locale.ROOT, ", %,d series", series.size())));
    if (windows.unusedSeries() > 0) {
      notes.add(windows.unusedSeries() + " series too short to learn from");
    }
    spec.constantInputs().forEach(name -> notes.add("'" + name + "' never changes"));
    return String.join("; ", notes);
  }

  @Override
  public void show(SequenceModel model, PrintWriter words, Map<String, @Nullable Object> result) {
    show(spec, rows.table(), true, model, words, result);
  }

  /**
   * Judges {@code model}.
   *
   * @param heldOut whether by the held-out part of the table alone, or by all of it
   */
  static void show(
      TableSpec spec,
      Table table,
      boolean heldOut,
      SequenceModel model,
      PrintWriter words,
      Map<String, @Nullable Object> result) {
    if (spec.goal() instanceof TableGoal.Forecast) {
      showForecast(spec, table, heldOut, model, words, result);
    } else {
      TableClassifier classifier = new TableClassifier(model, spec);
      Accuracy accuracy = heldOut ? classifier.heldOutAccuracy(table) : classifier.accuracy(table);
      words.printf(
          Locale.ROOT,
          "%,d of %,d %slabels right, %.1f %%%n",
          accuracy.right(),
          accuracy.predictions(),
          heldOut ? "held-out " : "",
          100 * accuracy.rate());
      result.put("accuracy", accuracy.rate());
    }
  }

  /** The model's errors beside those of whoever has learned nothing, or linear relations only. */
  private static void showForecast(
      TableSpec spec,
      Table table,
      boolean heldOut,
      SequenceModel model,
      PrintWriter words,
      Map<String, @Nullable Object> result) {
    Map<String, ForecastErrors> methods = new LinkedHashMap<>();
    methods.put("forecast", errors(new Forecaster(model, spec), table, heldOut));
    methods.put("persistence", errors(new Persistence(spec), table, heldOut));
    if (heldOut) { // Of a table that is all new there is no part to fit another method to.
      try {
        methods.put(
            "ar" + Autoregression.USUAL_ORDER,
            errors(Autoregression.fit(table, spec, Autoregression.USUAL_ORDER), table, true));
      } catch (IllegalArgumentException e) {
        words.println("no autoregression to compare with: " + e.getMessage());
      }
    }
    words.println(
        "errors"
            + (heldOut ? " on held-out rows" : "")
            + ", in units of '"
            + spec.goal().targetName()
            + "':");
    methods.forEach(
        (name, errors) -> {
          words.printf(
              Locale.ROOT, "  %-12s RMSE %.4g, MAE %.4g%n", name, errors.rmse(), errors.mae());
          Map<String, Object> figures = new LinkedHashMap<>();
          figures.put("rmse", errors.rmse());
          figures.put("mae", errors.mae());
          figures.put(
              "rmseByStep", errors.steps().stream().map(ForecastErrors.Step::rmse).toList());
          result.put(name, figures);
        });
  }

  private static ForecastErrors errors(ForecastMethod method, Table table, boolean heldOut) {
    return heldOut ? method.heldOutErrors(table) : method.errors(table);
  }

  @Override
  public String use() {
    return "predict what comes next with: sequor predict --csv "
        + (rows.source().file().isEmpty() ? CsvOptions.SUNSPOTS : rows.source().file());
  }
}
