package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Forecast;
import dev.sequor.data.Table;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSpec;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Classification;
import dev.sequor.model.Forecaster;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TableClassifier;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Foretells or labels the rows of a table with a trained model, or runs any model on tensors. */
@Command(
    name = "predict",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Foretells rows of a table, or runs a model on tensors.",
    description =
        "Prints what a model of a table (train --csv) predicts, as lines of CSV: the values that come"
            + " after the last row of each series, or the label of each row or series. The file"
            + " needs the columns that the model reads, with the same names; their scale is the one"
            + " of the training. With --model, runs a model of any kind on the tensors in a file.")
final class PredictCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = "The directory of a trained model of a table.")
  private @Nullable Path directory;

  @Mixin private CsvOptions csv = new CsvOptions();
  @Mixin private TensorFlags tensors = new TensorFlags();

  @Option(
      names = "--each-row",
      description = "Forecast after every row, and not only after the last one.")
  private boolean eachRow;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private WeightOption weights = new WeightOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    WeightStorage storage = weights.storage();
    Path from = directory;
    if (tensors.isGiven()) {
      if (from != null || csv.isGiven() || eachRow) {
        throw new IllegalArgumentException(
            "--model, --input and --output are given with a model of a table; needed one of both");
      }
      Map<String, Object> result = TensorPrediction.run(tensors, device, storage, console);
      if (!console.isJson()) {
        PrintWriter words = console.words();
        for (Object output : (List<?>) Objects.requireNonNull(result.get("outputs"))) {
          words.println(
              ((Map<?, ?>) output)
                  .values().stream().map(String::valueOf).collect(Collectors.joining("  ")));
        }
        words.flush();
      }
      console.result(result);
      return 0;
    }
    if (from == null) {
      throw new IllegalArgumentException("needed MODEL, or --model FILE for tensors");
    }
    TrainedModel trained = TrainedModel.load(from);
    TableSpec spec = TableSubject.spec(from, trained.data());
    if (!csv.isGiven()) {
      throw new IllegalArgumentException("needed --csv FILE with the rows to predict from");
    }
    boolean forecasts = spec.goal() instanceof TableGoal.Forecast;
    if (eachRow && !forecasts) {
      throw new IllegalArgumentException(
          "--each-row is given with a model of labels; needed without it: all are said");
    }
    // The separator is that of the training unless another is given.
    Table table = csv.read(Checkpoint.source(from), console.inputs()).table();
    List<Map<String, Object>> predictions;
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, storage)) {
      predictions =
          forecasts
              ? forecasts(new Forecaster(model, spec), table)
              : labels(new TableClassifier(model, spec), table);
    }
    if (!console.isJson()) {
      print(predictions);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("target", spec.goal().targetName());
    result.put("predictions", predictions);
    console.result(result);
    return 0;
  }

  private List<Map<String, Object>> forecasts(Forecaster forecaster, Table table) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Forecast forecast :
        eachRow ? forecaster.afterEachRow(table) : forecaster.afterLastRow(table)) {
      Map<String, Object> row = begin(forecast.name(), forecast.line());
      row.put("values", forecast.values());
      all.add(row);
    }
    return all;
  }

  private static List<Map<String, Object>> labels(TableClassifier classifier, Table table) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Classification said : classifier.labels(table)) {
      Map<String, Object> row = begin(said.name(), said.line());
      row.put("label", said.label());
      row.put("probability", said.probabilities().stream().mapToDouble(p -> p).max().orElse(0));
      all.add(row);
    }
    return all;
  }

  private static Map<String, Object> begin(String series, long line) {
    Map<String, Object> row = new LinkedHashMap<>();
    if (!series.isEmpty()) {
      row.put("series", series);
    }
    row.put("line", line);
    return row;
  }

  private void print(List<Map<String, Object>> predictions) {
    PrintWriter words = console.words();
    if (predictions.isEmpty()) {
      return;
    }
    List<String> names = new ArrayList<>();
    predictions
        .get(0)
        .forEach(
            (name, value) -> {
              if (value instanceof List<?> values) {
                for (int k = 1; k <= values.size(); k++) {
                  names.add("ahead_" + k);
                }
              } else {
                names.add(name);
              }
            });
    words.println(String.join(",", names));
    for (Map<String, Object> row : predictions) {
      List<String> cells = new ArrayList<>();
      for (Object value : row.values()) {
        if (value instanceof List<?> values) {
          values.forEach(number -> cells.add(cell(number)));
        } else {
          cells.add(cell(value));
        }
      }
      words.println(String.join(",", cells));
    }
    words.flush();
  }

  private static String cell(Object value) {
    if (value instanceof Double number) {
      return String.format(Locale.ROOT, "%.6g", number);
    }
    String text = value.toString();
    return text.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r')
        ? '"' + text.replace("\"", "\"\"") + '"'
        : text;
  }
}
