package dev.sequor.model;

import dev.sequor.data.Table;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSeries;
import dev.sequor.data.TableSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * A model that says the label of each row of a table, or of each of its series, with the
 * probabilities of all labels. It reads each series from its first row.
 *
 * <pre>{@code
 * TableSpec spec = TableSpec.sequenceLabels("shape", "id").fit(table);
 * SequenceModel model =
 *     new SequenceModel(backend, TableClassifier.model(spec).hiddenSize(32).build(), 1);
 * // … train it on new TableWindows(table, spec, 32, 16, 1)
 * double accuracy = new TableClassifier(model, spec).heldOutAccuracy(table).rate();
 * }</pre>
 */
public final class TableClassifier {
  private final SequenceModel model;
  private final TableSpec spec;
  private final List<String> labels;

  /**
   * A classifier by a trained model.
   *
   * @param model stays the caller's
   * @throws IllegalArgumentException if {@code spec} has no labels, or the model does not fit it
   */
  public TableClassifier(SequenceModel model, TableSpec spec) {
    this.labels = requireLabels(spec);
    SeriesOutputs.requireFit(model.spec(), spec, spec.labelsWholeSeries());
    if (!model.spec().loss().function().takesClasses()) {
      throw new IllegalArgumentException(
          "the model's loss is " + model.spec().loss().function() + "; labels need one of classes");
    }
    this.model = model;
    this.spec = spec;
  }

  private static List<String> requireLabels(TableSpec spec) {
    if (spec.goal() instanceof TableGoal.RowLabels rows) {
      return rows.labels();
    }
    if (spec.goal() instanceof TableGoal.SequenceLabels sequences) {
      return sequences.labels();
    }
    throw new IllegalArgumentException(
        "column '" + spec.goal().targetName() + "' is to be forecast; a classifier needs labels");
  }

  /**
   * A model for {@code spec}: vectors of the input columns in, and a softmax over the labels after
   * every step, or after the last one for labels of whole series; otherwise as {@link
   * SequenceModelSpec#builder}.
   *
   * @throws IllegalArgumentException if {@code spec} has no labels
   */
  public static SequenceModelSpec.Builder model(TableSpec spec) {
    return SequenceModelSpec.builder(
            InputSpec.dense(spec.inputs().size()), requireLabels(spec).size())
        .readout(spec.labelsWholeSeries() ? Readout.LAST_STEP : Readout.EVERY_STEP);
  }

  /**
   * The labels of all rows, or of all series, of a table that need not have a column of them.
   *
   * @throws IllegalArgumentException if the table does not fit; names the file, line and column
   */
  public List<Classification> labels(Table table) {
    return labels(spec.inputsOf(table), one -> 0);
  }

  /**
   * The labels of what is held out.
   *
   * @throws IllegalArgumentException if the table does not fit; names the file, line and column
   */
  public List<Classification> heldOut(Table table) {
    return labels(spec.inputsOf(table), TableSeries::trainingRows);
  }

  /**
   * How many labels of what is held out are right.
   *
   * @throws IllegalArgumentException if the table does not fit, or nothing is held out
   */
  public Accuracy heldOutAccuracy(Table table) {
    return accuracy(table, TableSeries::trainingRows);
  }

  /**
   * How many labels of a table that training has not seen are right.
   *
   * @throws IllegalArgumentException if the table does not fit
   */
  public Accuracy accuracy(Table table) {
    return accuracy(table, one -> 0);
  }

  private Accuracy accuracy(Table table, ToIntFunction<TableSeries> first) {
    List<TableSeries> series = spec.series(table);
    List<Classification> said = labels(series, first);
    if (said.isEmpty()) {
      throw new IllegalArgumentException(
          table.source() + ": nothing is held out; needed rows to judge by");
    }
    long right =
        said.stream()
            .filter(
                one ->
                    one.label().equals(labels.get(series.get(one.series()).labelClass(one.row()))))
            .count();
    return new Accuracy(right, said.size());
  }

  /**
   * The labels of rows {@code first} to the last of each series, in this order; or of each series
   * whose last row is among these.
   *
   * @param series as {@link TableSpec#series} or {@link TableSpec#inputsOf} reads them
   * @param first from which row on, for each series; its number of rows for none
   */
  public List<Classification> labels(List<TableSeries> series, ToIntFunction<TableSeries> first) {
    List<Classification> said = new ArrayList<>();
    SeriesOutputs.run(
        model,
        series,
        spec.labelsWholeSeries(),
        (one, row, outputs, at) -> {
          if (row >= first.applyAsInt(one)) {
            said.add(classification(one, row, outputs, at));
          }
        });
    said.sort(
        Comparator.comparingInt(Classification::series).thenComparingInt(Classification::row));
    return said;
  }

  private Classification classification(TableSeries one, int row, float[] outputs, int at) {
    double[] logarithms = new double[labels.size()];
    Outputs.logSoftmax(outputs, at, logarithms);
    return new Classification(
        one.number(),
        one.name(),
        row,
        one.line(row),
        labels.get(Outputs.likeliest(outputs, at, labels.size())),
        Arrays.stream(logarithms).map(Math::exp).boxed().toList());
  }
}
