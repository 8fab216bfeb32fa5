package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TableSpecTest {
  private static Table table(String text) {
    return CsvFile.parse("t.csv", text, ',');
  }

  private static Table table(double... values) {
    return Table.ofNumbers("t.csv", Map.of("v", values));
  }

  private static String refusal(Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static double[] wave(int rows) {
    double[] values = new double[rows];
    for (int t = 0; t < rows; t++) {
      values[t] = 10 + 3 * Math.sin(t / 2.0) + t % 3;
    }
    return values;
  }

  private static TableColumn target(TableSpec spec) {
    return ((TableGoal.Forecast) spec.goal()).target();
  }

  @Test
  void aSpikeInTheHeldOutPartChangesNoScale() {
    double[] values = wave(50);
    double[] spiked = values.clone();
    spiked[40] = 1e6;
    TableSpec spec = TableSpec.forecast("v", 2).fit(table(values));
    assertEquals(spec, TableSpec.forecast("v", 2).fit(table(spiked)));
    spiked[39] = 1e6;
    assertNotEquals(spec, TableSpec.forecast("v", 2).fit(table(spiked)), "the last that trains");
  }

  @Test
  void theScaleIsTheMeanAndDeviationOfTheTrainingPart() {
    TableSpec spec = TableSpec.forecast("v", 1).holdOut(0.25).fit(table(1, 2, 3, 4, 5, 6, 100, 1));
    assertEquals(3.5, target(spec).mean(), 1e-15);
    assertEquals(Math.sqrt(35.0 / 12), target(spec).deviation(), 1e-15);
    assertEquals(List.of(target(spec)), spec.inputs());
  }

  @Test
  void theScaleOfLargeNumbersIsExact() {
    double[] values = wave(50);
    double[] far = Arrays.stream(values).map(v -> v + 1e9).toArray();
    double deviation = target(TableSpec.forecast("v", 1).fit(table(values))).deviation();
    assertEquals(deviation, target(TableSpec.forecast("v", 1).fit(table(far))).deviation(), 1e-6);
    TableSpec wide =
        TableSpec.forecast("v", 1).fit(table(Arrays.stream(values).map(v -> v * 1e150).toArray()));
    assertEquals(deviation * 1e150, target(wide).deviation(), 1e140);
    assertTrue(
        refusal(
                () ->
                    TableSpec.forecast("v", 1)
                        .fit(table(Arrays.stream(values).map(v -> v * 1e300).toArray())))
            .startsWith("t.csv: the deviation of column 'v' is Infinity"));
  }

  @ParameterizedTest
  @EnumSource(Transformation.class)
  void whatIsScaledComesBack(Transformation transformation) {
    double[] values = wave(50);
    TableSpec spec = TableSpec.forecast("v", 1).transform("v", transformation).fit(table(values));
    double sum = 0;
    double squares = 0;
    for (int t = 0; t < 50; t++) {
      double scaled = target(spec).scaled(values[t]);
      assertEquals(values[t], target(spec).original(scaled), 1e-12 * values[t]);
      assertEquals(values[t], target(spec).original((float) scaled), 1e-5 * values[t]);
      sum += t < 40 ? scaled : 0;
      squares += t < 40 ? scaled * scaled : 0;
    }
    assertEquals(0, sum / 40, 1e-12);
    assertEquals(1, squares / 40, 1e-12);
  }

  @Test
  void aRootOfANegativeForecastIsZero() {
    assertEquals(0, Transformation.SQUARE_ROOT.undo(-0.5));
    assertEquals(
        "t.csv: line 4, column 'v': the cell holds -1.0, of which there is no SQUARE_ROOT; needed"
            + " at least 0",
        refusal(
            () ->
                TableSpec.forecast("v", 1)
                    .transform("v", Transformation.SQUARE_ROOT)
                    .fit(table(1, 2, -1, 3, 4, 5))));
    TableSpec spec =
        TableSpec.forecast("v", 1).transform("v", Transformation.LOG_1P).fit(table(wave(20)));
    assertEquals(
        "t.csv: line 3, column 'v': the cell holds -1.0, of which there is no LOG_1P; needed more"
            + " than -1",
        refusal(() -> spec.series(table(1, -1))));
  }

  @ParameterizedTest(name = "{0} rows, {1} held out: {2} train")
  @CsvSource({"10,0.1,9", "10,0.2,8", "309,0.2,247", "7,0.3,4", "10,0,10", "1000,0.999,1"})
  void theLastRowsAreHeldOut(int rows, double fraction, int trained) {
    TableSpec fitted = TableSpec.forecast("v", 1).holdOut(0).fit(table(wave(rows)));
    TableSpec spec = new TableSpec(fitted.goal(), fitted.inputs(), "", Missing.REFUSED, fraction);
    assertEquals(trained, spec.series(table(wave(rows))).get(0).trainingRows());
  }

  @Test
  void eachSeriesHoldsOutItsLastRows() {
    StringBuilder text = new StringBuilder("id,v\n");
    for (int t = 0; t < 30; t++) {
      text.append(t < 10 ? "a" : "b").append(',').append(t % 7).append('\n');
    }
    text.append("a,1\na,2\n"); // "a" again is a series of its own
    TableSpec spec = TableSpec.forecast("v", 2).by("id").fit(table(text.toString()));
    List<TableSeries> series = spec.series(table(text.toString()));
    assertEquals(List.of("a", "b", "a"), series.stream().map(TableSeries::name).toList());
    assertEquals(List.of(10, 20, 2), series.stream().map(TableSeries::rows).toList());
    assertEquals(List.of(8, 16, 1), series.stream().map(TableSeries::trainingRows).toList());
    assertEquals(12, series.get(1).line(0));
    assertEquals(10 % 7, series.get(1).target(0));
  }

  @Test
  void aClassificationHoldsOutItsLastSeries() {
    StringBuilder text = new StringBuilder("id,x,shape\n");
    for (int i = 0; i < 10; i++) {
      for (int t = 0; t < 3; t++) {
        text.append(i).append(',').append(i * 10 + t).append(i % 2 == 0 ? ",up\n" : ",down\n");
      }
    }
    Table table = table(text.toString());
    TableSpec spec = TableSpec.sequenceLabels("shape", "id").fit(table);
    assertEquals(new TableGoal.SequenceLabels("shape", List.of("down", "up")), spec.goal());
    assertEquals(List.of("x"), spec.inputs().stream().map(TableColumn::name).toList());
    assertEquals(36, spec.inputs().get(0).mean(), 1e-12);
    List<Integer> trained = spec.series(table).stream().map(TableSeries::trainingRows).toList();
    assertEquals(List.of(3, 3, 3, 3, 3, 3, 3, 3, 0, 0), trained);
    TableSpec rows = TableSpec.rowLabels("shape").inputs("x").fit(table);
    assertEquals(24, rows.series(table).get(0).trainingRows());
  }

  @Test
  void labelsThatTrainingHasNotSeenAreRefused() {
    Table table = table("x,y\n1,a\n2,b\n3,a\n4,a\n5,c\n");
    TableSpec spec = TableSpec.rowLabels("y").fit(table);
    assertEquals(
        "t.csv: line 6, column 'y': the label 'c' is not among the 2 of the training part",
        refusal(() -> spec.series(table)));
    assertEquals(1, spec.inputsOf(table).size(), "who predicts does not look at labels");
  }

  @Test
  void aSequenceHasOneLabel() {
    String text = "id,x,y\n1,1,a\n1,2,a\n2,3,b\n2,4,b\n3,5,a\n3,6,b\n";
    TableSpec spec =
        TableSpec.sequenceLabels("y", "id").holdOut(0).fit(table(text.replace("6,b", "6,a")));
    assertEquals(
        "t.csv: line 7, column 'y': the label is 'b', and 'a' in the row before of the same"
            + " sequence; needed one label a sequence",
        refusal(() -> spec.series(table(text))));
  }

  @Test
  void emptyCellsAreRefusedUnlessTheLastValueIsCarried() {
    String text = "v,w\n1,5\n2,\n,7\n4,\n5,9\n6,1\n";
    TableSpec.Fit fit = TableSpec.forecast("v", 1).inputs("v", "w");
    assertEquals(
        "t.csv: line 4, column 'v': the cell is empty; needed a number",
        refusal(() -> fit.fit(table(text))));
    TableSpec spec = fit.missing(Missing.PREVIOUS).holdOut(0).fit(table(text));
    TableSeries series = spec.series(table(text)).get(0);
    List<Double> carried = new ArrayList<>();
    float[] inputs = new float[12];
    series.inputs(0, 6, inputs, 0, 1);
    for (int t = 0; t < 6; t++) {
      carried.add(series.target(t));
      carried.add((double) Math.round(spec.inputs().get(1).original(inputs[2 * t + 1])));
    }
    assertEquals(List.of(1., 5., 2., 5., 2., 7., 4., 7., 5., 9., 6., 1.), carried);
    assertEquals((1 + 2 + 2 + 4 + 5 + 6) / 6.0, target(spec).mean(), 1e-15);
    String words = "the cell is empty, and no row of the series stands before it; needed a number";
    assertEquals(
        "t.csv: line 2, column 'w': " + words,
        refusal(() -> fit.fit(table("v,w\n1,\n2,3\n3,4\n4,4\n"))));
    Table second = table("id,v\na,1\na,2\na,3\nb,\nb,5\nb,6\n");
    assertEquals(
        "t.csv: line 5, column 'v': " + words,
        refusal(() -> TableSpec.forecast("v", 1).by("id").missing(Missing.PREVIOUS).fit(second)));
  }

  @Test
  void labelsAreNeverCarried() {
    assertEquals(
        "t.csv: line 3, column 'y': the cell is empty; needed a label",
        refusal(
            () ->
                TableSpec.rowLabels("y")
                    .missing(Missing.PREVIOUS)
                    .fit(table("x,y\n1,a\n2,\n3,b\n4,a\n5,b\n"))));
  }

  @Test
  void constantInputsAreKeptAndTold() {
    Table table = table("v,w\n1,0.1\n2,0.1\n3,0.1\n1,0.1\n2,0.3\n");
    TableSpec spec = TableSpec.forecast("v", 1).inputs("v", "w").fit(table);
    assertEquals(List.of("w"), spec.constantInputs());
    assertEquals(new TableColumn("w", Transformation.NONE, 0.1, 0), spec.inputs().get(1));
    float[] inputs = new float[10];
    spec.series(table).get(0).inputs(0, 5, inputs, 0, 1);
    assertEquals(0f, inputs[1]);
    assertEquals(0.2f, inputs[9], 1e-7f, "a scale of 1");
  }

  @Test
  void constantTargetsAreRefused() {
    assertEquals(
        "t.csv: column 'v' is constant in the training part; needed values that differ, to predict",
        refusal(() -> TableSpec.forecast("v", 1).fit(table(0.1, 0.1, 0.1, 0.1, 0.1, 7))));
    assertEquals(
        "t.csv: column 'y' has the label 'a' only in the training part; needed at least 2 labels,"
            + " to tell apart",
        refusal(() -> TableSpec.rowLabels("y").fit(table("x,y\n1,a\n2,a\n3,a\n4,a\n5,b\n"))));
  }

  @Test
  void tablesThatAreTooShortAreRefused() {
    assertEquals(
        "t.csv: the table, of 1 in all, has 0 rows to learn from when a fraction of 0.2 is held"
            + " out; needed at least 2 for a horizon of 1",
        refusal(() -> TableSpec.forecast("v", 1).fit(table(1))));
    assertEquals(
        "t.csv: the part to hold out, 0.2 of the rows, has 2 rows; needed at least 3 for a horizon"
            + " of 3, or a fraction of 0",
        refusal(() -> TableSpec.forecast("v", 3).fit(table(wave(10)))));
    assertEquals(
        "t.csv: 1 series, of which 0.2 are held out; needed at least 1 to learn from",
        refusal(() -> TableSpec.sequenceLabels("y", "id").fit(table("id,x,y\n1,1,a\n1,2,a\n"))));
    assertEquals(
        "t.csv: the part to hold out, 1.0E-9 of the rows, has 0 rows; needed at least 1, or a fraction"
            + " of 0",
        refusal(() -> TableSpec.rowLabels("y").holdOut(1e-9).fit(table("x,y\n1,a\n2,b\n"))));
  }

  @Test
  void whatCannotBeIsRefused() {
    Table table = table("id,v,w\na,1,2\na,2,1\na,3,5\na,4,4\na,5,5\n");
    assertEquals("horizon is 0; needed at least 1", refusal(() -> TableSpec.forecast("v", 0)));
    assertEquals(
        "the fraction to hold out is 1.0; needed at least 0 and less than 1",
        refusal(() -> TableSpec.forecast("v", 1).holdOut(1)));
    assertEquals(
        "the fraction to hold out is NaN; needed at least 0 and less than 1",
        refusal(() -> TableSpec.forecast("v", 1).holdOut(Double.NaN)));
    assertEquals(
        "t.csv: column 'v' is an input twice; needed each once",
        refusal(() -> TableSpec.forecast("v", 1).inputs("v", "v").fit(table)));
    assertEquals(
        "t.csv: there are no input columns; needed at least 1",
        refusal(() -> TableSpec.forecast("v", 1).inputs().fit(table)));
    assertEquals(
        "t.csv: column 'w' is an input and the label to predict; needed one of the two",
        refusal(() -> TableSpec.rowLabels("w").inputs("w").fit(table)));
    assertEquals(
        "t.csv: column 'v' tells the series apart and is the target; needed one of the two",
        refusal(() -> TableSpec.forecast("v", 1).by("v").fit(table)));
    assertEquals(
        "t.csv: labels of sequences are wanted, and no column tells sequences apart; needed one",
        refusal(() -> TableSpec.sequenceLabels("w", "").fit(table)));
    assertEquals(
        "t.csv: column 'w' is transformed, and neither an input nor forecast",
        refusal(() -> TableSpec.forecast("v", 1).transform("w", Transformation.LOG_1P).fit(table)));
    assertEquals(
        "t.csv: no column 'x'; there are id, v, w",
        refusal(() -> TableSpec.forecast("x", 1).fit(table)));
    assertEquals(
        "t.csv: line 2, column 'id': the cell holds 'a'; needed a number (digits with a decimal"
            + " point)",
        refusal(() -> TableSpec.rowLabels("w").fit(table)));
  }

  @Test
  void valuesThatFloatsCannotHoldAreRefused() {
    TableSpec spec = TableSpec.forecast("v", 1).fit(table(wave(20)));
    String message = refusal(() -> spec.series(table(1, 1e300)));
    assertTrue(message.startsWith("t.csv: line 3, column 'v': the cell holds 1.0E300, too far"));
  }

  @Test
  void columnsAreFoundByNameInWhateverOrder() {
    TableSpec spec = TableSpec.forecast("v", 1).fit(table(wave(20)));
    Map<String, double[]> columns = new TreeMap<>();
    columns.put("a", new double[20]);
    columns.put("v", wave(20));
    columns.put("z", new double[20]);
    assertEquals(wave(20)[7], spec.series(Table.ofNumbers("other", columns)).get(0).target(7));
    assertEquals(
        "other: no column 'v'; there is w",
        refusal(() -> spec.series(Table.ofNumbers("other", Map.of("w", wave(5))))));
  }
}
