package dev.sequor.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the numbers of a model mean in the table that it was trained on: which columns it reads, in
 * what scale, what it predicts, and which rows it did not learn from. It is fitted to a table once,
 * and belongs to the model from then on: whatever is predicted later is scaled by the same numbers.
 *
 * <p><b>Series.</b> Without a column {@code by} the whole table is one series of rows in the order
 * of time; with one, each run of rows with equal values there is a series of its own. Nothing
 * reaches from one series into another.
 *
 * <p><b>Parts.</b> A forecast holds out the last rows of each series: of {@code n} rows {@code
 * ⌊n·(1 − heldOut)⌋} train. A classification holds out the last series in the same way or, of a
 * table that is one series, its last rows. Means, deviations and labels are those of the training
 * part alone. Predictions of the held-out part may see inputs of the training part before them;
 * training never sees a held-out row, nor a target there.
 *
 * @param goal what is predicted
 * @param inputs the columns that the model reads, at least one
 * @param by the column whose runs of equal values are the series; empty for one series
 * @param missing what is done with empty cells of inputs and of a forecast's target
 * @param heldOut the fraction that training does not see, at least 0 and less than 1
 */
public record TableSpec(
    TableGoal goal, List<TableColumn> inputs, String by, Missing missing, double heldOut)
    implements DataSpec {

  /**
   * Checks that the parts fit each other.
   *
   * @throws IllegalArgumentException naming the first that does not
   */
  public TableSpec {
    inputs = List.copyOf(inputs);
    if (inputs.isEmpty()) {
      throw new IllegalArgumentException("there are no input columns; needed at least 1");
    }
    requireColumns(goal, inputs.stream().map(TableColumn::name).toList(), by);
    if (goal instanceof TableGoal.Forecast forecast) {
      for (TableColumn input : inputs) {
        if (input.name().equals(forecast.targetName()) && !input.equals(forecast.target())) {
          throw new IllegalArgumentException(
              "column '"
                  + input.name()
                  + "' has one scale as input and another as target; needed the same");
        }
      }
    }
    requireFraction(heldOut);
  }

  private static void requireColumns(TableGoal goal, List<String> inputs, String by) {
    requireColumns(
        goal.targetName(), !(goal instanceof TableGoal.Forecast), wholeSeries(goal), inputs, by);
  }

  private static void requireColumns(
      String target, boolean labels, boolean wholeSeries, List<String> inputs, String by) {
    Set<String> seen = new HashSet<>();
    for (String input : inputs) {
      if (!seen.add(input)) {
        throw new IllegalArgumentException(
            "column '" + input + "' is an input twice; needed each once");
      }
    }
    if (labels && seen.contains(target)) {
      throw new IllegalArgumentException(
          "column '" + target + "' is an input and the label to predict; needed one of the two");
    }
    if (!by.isEmpty() && (by.equals(target) || seen.contains(by))) {
      throw new IllegalArgumentException(
          "column '"
              + by
              + "' tells the series apart and is "
              + (by.equals(target) ? "the target" : "an input")
              + "; needed one of the two");
    }
    if (by.isEmpty() && wholeSeries) {
      throw new IllegalArgumentException(
          "labels of sequences are wanted, and no column tells sequences apart; needed one");
    }
  }

  private static void requireFraction(double heldOut) {
    if (!(heldOut >= 0 && heldOut < 1)) {
      throw new IllegalArgumentException(
          "the fraction to hold out is " + heldOut + "; needed at least 0 and less than 1");
    }
  }

  private static boolean wholeSeries(TableGoal goal) {
    return goal instanceof TableGoal.SequenceLabels;
  }

  /**
   * A forecast of {@code horizon} values of the column {@code target} from those before them; other
   * inputs can be added.
   */
  public static Fit forecast(String target, int horizon) {
    TableGoal.Forecast.requireHorizon(horizon);
    return new Fit(Fit.Kind.FORECAST, target, horizon, "");
  }

  /** The label of each row, in the column {@code target}, from the rows up to it. */
  public static Fit rowLabels(String target) {
    return new Fit(Fit.Kind.ROW_LABELS, target, 0, "");
  }

  /**
   * The label of each sequence, in the column {@code target} of its rows; each run of equal values
   * in the column {@code by} is a sequence.
   */
  public static Fit sequenceLabels(String target, String by) {
    return new Fit(Fit.Kind.SEQUENCE_LABELS, target, 0, by);
  }

  /**
   * The goal, if it is a forecast.
   *
   * @param what wants one, for the message
   * @throws IllegalArgumentException if it is another
   */
  public TableGoal.Forecast requireForecast(String what) {
    if (goal instanceof TableGoal.Forecast forecast) {
      return forecast;
    }
    throw new IllegalArgumentException(
        "column '" + goal.targetName() + "' holds labels; " + what + " needs a forecast");
  }

  /** Whether there is one target a series, not one a row. */
  public boolean labelsWholeSeries() {
    return wholeSeries(goal);
  }

  /** The inputs that were constant in the training part, so that a model learns nothing of them. */
  public List<String> constantInputs() {
    return inputs.stream().filter(TableColumn::wasConstant).map(TableColumn::name).toList();
  }

  /**
   * The series of a table with their targets.
   *
   * @throws IllegalArgumentException if a column is not there, or a cell not what it should be: no
   *     number, empty, out of the range of the transformation, or a label that was not in the
   *     training part; names the file, line and column
   */
  public List<TableSeries> series(Table table) {
    return series(table, true);
  }

  /** The series of a table of which the targets are not known, and not looked at. */
  public List<TableSeries> inputsOf(Table table) {
    return series(table, false);
  }

  private List<TableSeries> series(Table table, boolean withTargets) {
    Runs runs = Runs.of(table, by);
    boolean labels = !(goal instanceof TableGoal.Forecast);
    int width = inputs.size();
    float[] values = new float[Math.multiplyExact(table.rows(), width)];
    for (int i = 0; i < width; i++) {
      TableColumn column = inputs.get(i);
      double[] original = numbers(table, runs, column.name(), missing, table.rows());
      for (int row = 0; row < original.length; row++) {
        values[row * width + i] = scaled(table, row, column, original[row]);
      }
    }
    double[] targets = null;
    int[] classes = null;
    if (withTargets && goal instanceof TableGoal.Forecast forecast) {
      targets = numbers(table, runs, forecast.targetName(), missing, table.rows());
      for (int row = 0; row < targets.length; row++) {
        scaled(table, row, forecast.target(), targets[row]);
      }
    } else if (withTargets) {
      classes = classes(table, runs);
    }
    List<TableSeries> all = new ArrayList<>();
    for (int s = 0; s < runs.count(); s++) {
      int first = runs.first(s);
      int end = runs.end(s);
      all.add(
          new TableSeries(
              s,
              by.isEmpty() ? "" : table.cell(first, by),
              Arrays.copyOfRange(runs.lines(), first, end),
              runs.trainingRows(s, labels, heldOut),
              Arrays.copyOfRange(values, first * width, end * width),
              targets == null ? null : Arrays.copyOfRange(targets, first, end),
              classes == null ? null : Arrays.copyOfRange(classes, first, end)));
    }
    return all;
  }

  private static float scaled(Table table, int row, TableColumn column, double value) {
    float scaled = (float) column.scaled(value);
    if (!Float.isFinite(scaled)) {
      requireTransformed(table, row, column.name(), column.transformation(), value);
      throw table.fault(
          row,
          table.index(column.name()),
          "the cell holds "
              + value
              + ", too far from the mean "
              + column.mean()
              + " of the training part; needed less than "
              + Float.MAX_VALUE
              + " deviations of "
              + column.deviation());
    }
    return scaled;
  }

  private static double requireTransformed(
      Table table, int row, String column, Transformation transformation, double value) {
    double transformed = transformation.apply(value);
    if (!Double.isFinite(transformed)) {
      throw table.fault(
          row,
          table.index(column),
          "the cell holds "
              + value
              + ", of which there is no "
              + transformation
              + "; needed "
              + (transformation == Transformation.LOG_1P ? "more than -1" : "at least 0"));
    }
    return transformed;
  }

  private int[] classes(Table table, Runs runs) {
    List<String> labels =
        goal instanceof TableGoal.RowLabels rows
            ? rows.labels()
            : ((TableGoal.SequenceLabels) goal).labels();
    Map<String, Integer> known = new HashMap<>();
    labels.forEach(label -> known.put(label, known.size()));
    int column = table.index(goal.targetName());
    int[] classes = new int[table.rows()];
    for (int row = 0; row < classes.length; row++) {
      String label = label(table, row, column);
      Integer number = known.get(label);
      if (number == null) {
        throw table.fault(
            row,
            column,
            "the label "
                + Table.quoted(label)
                + " is not among the "
                + labels.size()
                + " of the training part");
      }
      classes[row] = number;
    }
    if (labelsWholeSeries()) {
      requireOneLabelEach(table, runs, column, table.rows());
    }
    return classes;
  }

  private static String label(Table table, int row, int column) {
    if (table.isEmpty(row, column)) {
      throw table.fault(row, column, "the cell is empty; needed a label");
    }
    return table.cell(row, column);
  }

  private static void requireOneLabelEach(Table table, Runs runs, int column, int rows) {
    for (int row = 1; row < rows; row++) {
      if (!runs.begins(row) && !table.cell(row, column).equals(table.cell(row - 1, column))) {
        throw table.fault(
            row,
            column,
            "the label is "
                + Table.quoted(table.cell(row, column))
                + ", and "
                + Table.quoted(table.cell(row - 1, column))
                + " in the row before of the same sequence; needed one label a sequence");
      }
    }
  }

  /** The numbers of a column, with what is missing carried forward if that is wanted. */
  private static double[] numbers(
      Table table, Runs runs, String column, Missing missing, int rows) {
    int index = table.index(column);
    double[] values = new double[rows];
    for (int row = 0; row < rows; row++) {
      if (missing == Missing.PREVIOUS && table.isEmpty(row, index)) {
        if (runs.begins(row)) {
          throw table.fault(
              row,
              index,
              "the cell is empty, and no row of the series stands before it; needed a number");
        }
        values[row] = values[row - 1];
      } else {
        values[row] = table.number(row, index);
      }
    }
    return values;
  }

  /** Where the series of a table begin. */
  @SuppressWarnings("ArrayRecordComponent") // Private and short-lived: no copies.
  private record Runs(List<Integer> firsts, boolean[] beginnings, long[] lines, boolean named) {
    static Runs of(Table table, String by) {
      List<Integer> firsts = new ArrayList<>();
      boolean[] beginnings = new boolean[table.rows()];
      long[] lines = new long[table.rows()];
      int column = by.isEmpty() ? -1 : table.index(by);
      String before = "";
      for (int row = 0; row < lines.length; row++) {
        lines[row] = table.line(row);
        String name = column < 0 ? "" : table.cell(row, by);
        if (column >= 0 && name.isEmpty()) {
          throw table.fault(row, column, "the cell is empty; needed what tells the series apart");
        }
        if (row == 0 || !name.equals(before)) {
          firsts.add(row);
          beginnings[row] = true;
        }
        before = name;
      }
      return new Runs(firsts, beginnings, lines, column >= 0);
    }

    int count() {
      return firsts.size();
    }

    int first(int series) {
      return firsts.get(series);
    }

    int end(int series) {
      return series + 1 < firsts.size() ? firsts.get(series + 1) : lines.length;
    }

    boolean begins(int row) {
      return beginnings[row];
    }

    /** How many of the rows of a series train: for labels of several series all or none. */
    int trainingRows(int series, boolean labels, double heldOut) {
      int rows = end(series) - first(series);
      if (labels && named) {
        return series < kept(count(), heldOut) ? rows : 0;
      }
      return kept(rows, heldOut);
    }

    // The small addend undoes the rounding of 1 − 0.1 and the like, so that 10 rows split 9 + 1.
    private static int kept(int of, double heldOut) {
      return (int) Math.floor(of * (1 - heldOut) + 1e-6);
    }
  }

  /** Says what a spec is to be; {@link #fit} makes it from a table. */
  public static final class Fit {
    private enum Kind {
      FORECAST,
      ROW_LABELS,
      SEQUENCE_LABELS
    }

    private final Kind kind;
    private final String target;
    private final int horizon;
    private final Map<String, Transformation> transformations = new HashMap<>();
    private @Nullable List<String> inputs;
    private String by;
    private Missing missing = Missing.REFUSED;
    private double heldOut = 0.2;

    private Fit(Kind kind, String target, int horizon, String by) {
      this.kind = kind;
      this.target = target;
      this.horizon = horizon;
      this.by = by;
    }

    /**
     * The columns that the model reads. If they are not said, a forecast reads its target alone,
     * and a classification all columns but the label and what tells series apart.
     */
    public Fit inputs(String... columns) {
      inputs = List.of(columns);
      return this;
    }

    /** The column whose runs of equal values are the series. */
    public Fit by(String column) {
      by = column;
      return this;
    }

    /** What is done with empty cells; they are refused if this is not said. */
    public Fit missing(Missing missing) {
      this.missing = missing;
      return this;
    }

    /** What is done to the values of a column, as input and as target, before they are scaled. */
    public Fit transform(String column, Transformation transformation) {
      transformations.put(column, transformation);
      return this;
    }

    /**
     * The fraction that training does not see, a fifth if this is not said.
     *
     * @throws IllegalArgumentException if it is not at least 0 and less than 1
     */
    public Fit holdOut(double fraction) {
      requireFraction(fraction);
      heldOut = fraction;
      return this;
    }

    /**
     * The spec, with means, deviations and labels of the training part of {@code table}.
     *
     * @throws IllegalArgumentException if a column is not there; if a cell is not what it should
     *     be; if a part is too small for what is to be predicted; or if the target is constant
     *     there; names the file, and line and column where there is one
     */
    public TableSpec fit(Table table) {
      try {
        return fitted(table);
      } catch (IllegalArgumentException e) {
        String message = String.valueOf(e.getMessage());
        if (message.startsWith(table.source() + ": ")) {
          throw e;
        }
        throw new IllegalArgumentException(table.source() + ": " + message, e);
      }
    }

    private TableSpec fitted(Table table) {
      boolean labels = kind != Kind.FORECAST;
      List<String> names = inputs != null ? inputs : usualInputs(table);
      requireColumns(target, labels, kind == Kind.SEQUENCE_LABELS, names, by);
      int targetColumn = table.index(target);
      for (String name : transformations.keySet()) {
        if (!names.contains(name) && (labels || !name.equals(target))) {
          throw new IllegalArgumentException(
              "column '" + name + "' is transformed, and neither an input nor forecast");
        }
      }
      Runs runs = Runs.of(table, by);
      boolean[] trains = new boolean[table.rows()];
      for (int s = 0; s < runs.count(); s++) {
        int first = runs.first(s);
        Arrays.fill(trains, first, first + runs.trainingRows(s, labels, heldOut), true);
      }
      requireParts(runs, labels);
      List<TableColumn> columns = new ArrayList<>();
      for (String name : names) {
        columns.add(column(table, runs, name, trains));
      }
      TableGoal goal;
      if (labels) {
        List<String> known = labels(table, targetColumn, trains);
        goal =
            kind == Kind.ROW_LABELS
                ? new TableGoal.RowLabels(target, known)
                : new TableGoal.SequenceLabels(target, known);
      } else {
        goal = new TableGoal.Forecast(column(table, runs, target, trains), horizon);
      }
      return new TableSpec(goal, columns, by, missing, heldOut);
    }

    private List<String> usualInputs(Table table) {
      if (kind == Kind.FORECAST) {
        return List.of(target);
      }
      return table.columns().stream()
          .filter(name -> !name.equals(target) && !name.equals(by))
          .toList();
    }

    private static List<String> labels(Table table, int column, boolean[] trains) {
      TreeSet<String> labels = new TreeSet<>();
      for (int row = 0; row < trains.length; row++) {
        if (trains[row]) {
          labels.add(label(table, row, column));
        }
      }
      return List.copyOf(labels);
    }

    /** Refuses what leaves nothing to learn from, or nothing to judge by. */
    private void requireParts(Runs runs, boolean labels) {
      int needed = labels ? 1 : horizon + 1;
      int neededToJudge = labels ? 1 : horizon;
      int most = 0;
      int mostHeldOut = 0;
      for (int s = 0; s < runs.count(); s++) {
        int trained = runs.trainingRows(s, labels, heldOut);
        most = Math.max(most, trained);
        mostHeldOut = Math.max(mostHeldOut, runs.end(s) - runs.first(s) - trained);
      }
      boolean several = !by.isEmpty();
      int rows = runs.lines().length;
      if (most < needed) {
        throw new IllegalArgumentException(
            (labels && several
                    ? runs.count() + " series, of which " + heldOut + " are held out"
                    : (several ? "the longest series" : "the table, of " + rows + " in all,")
                        + " has "
                        + most
                        + (most == 1 ? " row" : " rows")
                        + " to learn from when a fraction of "
                        + heldOut
                        + " is held out")
                + "; needed at least "
                + needed
                + (labels ? " to learn from" : " for a horizon of " + horizon));
      }
      if (heldOut > 0 && mostHeldOut < neededToJudge) {
        throw new IllegalArgumentException(
            "the part to hold out, "
                + heldOut
                + " of "
                + (labels && several ? runs.count() + " series" : "the rows")
                + ", has "
                + mostHeldOut
                + (mostHeldOut == 1 ? " row" : " rows")
                + "; needed at least "
                + neededToJudge
                + (labels ? "" : " for a horizon of " + horizon)
                + ", or a fraction of 0");
      }
    }

    /** Mean and deviation by Welford's recurrence, which takes numbers of any size. */
    private TableColumn column(Table table, Runs runs, String name, boolean[] trains) {
      int last = trains.length;
      while (last > 0 && !trains[last - 1]) {
        last--;
      }
      Transformation transformation = transformations.getOrDefault(name, Transformation.NONE);
      double[] values = numbers(table, runs, name, missing, last);
      double mean = 0;
      double squares = 0;
      double least = Double.POSITIVE_INFINITY;
      double most = Double.NEGATIVE_INFINITY;
      long count = 0;
      for (int row = 0; row < last; row++) {
        if (!trains[row]) {
          continue;
        }
        double value = requireTransformed(table, row, name, transformation, values[row]);
        count++;
        double difference = value - mean;
        mean += difference / count;
        squares += difference * (value - mean);
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
      return new TableColumn(
          name,
          transformation,
          least == most ? least : mean,
          least == most ? 0 : deviation(squares / count));
    }

    /** At least the smallest number: values that differ have one, too small as it may be. */
    private static double deviation(double variance) {
      return Math.max(Math.sqrt(variance), Double.MIN_NORMAL);
    }
  }
}
