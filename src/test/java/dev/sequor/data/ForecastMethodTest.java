package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.data.ForecastErrors.Step;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every forecast is compared with. */
class ForecastMethodTest {
  private static Table table(double... values) {
    return Table.ofNumbers("t.csv", Map.of("v", values));
  }

  private static String refusal(Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void persistenceSaysTheLastValueForEachStepAhead() {
    Table table = table(1, 2, 4, 3, 5, 9, 7, 6, 10, 1);
    Persistence persistence = new Persistence(TableSpec.forecast("v", 2).holdOut(0.4).fit(table));
    List<Forecast> heldOut = persistence.heldOut(table);
    assertEquals(List.of(5, 6, 7, 8, 9), heldOut.stream().map(Forecast::row).toList());
    assertEquals(new Forecast(0, "", 5, 7, List.of(9.0, 9.0)), heldOut.get(0));
    assertEquals(
        List.of(new Forecast(0, "", 9, 11, List.of(1.0, 1.0))), persistence.afterLastRow(table));
    assertEquals(10, persistence.afterEachRow(table).size());
    // One step: 7−9, 6−7, 10−6, 1−10; two: 6−9, 10−7, 1−6.
    ForecastErrors errors = persistence.heldOutErrors(table);
    assertEquals(
        List.of(
            new Step(Math.sqrt((4 + 1 + 16 + 81) / 4.0), 16 / 4.0, 4),
            new Step(Math.sqrt((9 + 9 + 25) / 3.0), 11 / 3.0, 3)),
        errors.steps());
    assertEquals(Math.sqrt((102 + 43) / 7.0), errors.rmse(), 1e-12);
    assertEquals(27 / 7.0, errors.mae(), 1e-12);
    assertEquals(9, persistence.errors(table).steps().get(0).forecasts());
  }

  @Test
  void seriesAreForetoldApart() {
    Table table = CsvFile.parse("t.csv", "id,v\na,1\na,2\na,3\na,5\nb,9\nb,8\nb,7\nb,6\n", ',');
    TableSpec spec = TableSpec.forecast("v", 1).by("id").holdOut(0.5).fit(table);
    List<Forecast> last = new Persistence(spec).afterLastRow(table);
    assertEquals(
        List.of(new Forecast(0, "a", 3, 5, List.of(5.0)), new Forecast(1, "b", 3, 9, List.of(6.0))),
        last);
    assertEquals(4, new Persistence(spec).heldOutErrors(table).steps().get(0).forecasts());
  }

  private static double[] secondOrder(int rows, double noise, long seed) {
    Random random = new Random(seed);
    double[] values = new double[rows];
    values[0] = 100;
    values[1] = 104;
    for (int t = 2; t < rows; t++) {
      values[t] = 20 + 1.4 * values[t - 1] - 0.6 * values[t - 2] + noise * random.nextGaussian();
    }
    return values;
  }

  @Test
  void anAutoregressionFindsTheOneThatMadeTheData() {
    Table table = table(secondOrder(20_000, 1, 1));
    TableSpec spec = TableSpec.forecast("v", 3).fit(table);
    Autoregression found = Autoregression.fit(table, spec, 2);
    // The deviation of a coefficient is √((1 − 0.6²)/16,000) = 0.0063.
    assertEquals(1.4, found.coefficients().get(0), 0.02);
    assertEquals(-0.6, found.coefficients().get(1), 0.02);
    assertEquals(100, found.intercept() / (1 - 1.4 + 0.6), 0.5, "the mean of the process");
    List<Step> steps = found.heldOutErrors(table).steps();
    assertEquals(1, steps.get(0).rmse(), 0.03, "the noise");
    assertEquals(Math.sqrt(1 + 1.4 * 1.4), steps.get(1).rmse(), 0.06);
    double third = 1.4 * 1.4 - 0.6;
    assertEquals(Math.sqrt(1 + 1.4 * 1.4 + third * third), steps.get(2).rmse(), 0.08);
  }

  @Test
  void anAutoregressionLearnsFromTheTrainingPartAlone() {
    double[] values = secondOrder(100, 1, 1);
    TableSpec spec = TableSpec.forecast("v", 1).fit(table(values));
    Autoregression found = Autoregression.fit(table(values), spec, 3);
    values[80] = 1e4;
    assertEquals(found.coefficients(), Autoregression.fit(table(values), spec, 3).coefficients());
  }

  /**
   * The numbers of numpy.linalg.lstsq for a design matrix of ones and nine lags of the years 1700
   * to 1946, and its iterated forecasts of 1947 to 2008.
   */
  @Test
  void theSunspotsHaveTheNumbersOfAnotherProgram() {
    Table table = Table.sunspots();
    TableSpec spec = TableSpec.forecast("sunspots", 3).fit(table);
    Autoregression found = Autoregression.fit(table, spec, Autoregression.USUAL_ORDER);
    double[] expected = {
      1.23097772,
      -0.50367191,
      -0.11133028,
      0.16314282,
      -0.14919965,
      0.04432806,
      -0.04159644,
      0.07058675,
      0.12086237
    };
    assertEquals(8.21505768, found.intercept(), 1e-7);
    for (int lag = 0; lag < 9; lag++) {
      assertEquals(expected[lag], found.coefficients().get(lag), 1e-8);
    }
    double[][] errors = {{19.44, 15.15}, {27.20, 18.24}, {32.19, 22.67}};
    double[][] persistence = {{33.28, 25.44}, {58.27, 47.83}, {78.77, 67.78}};
    double[][] ofRoots = {{16.73, 13.13}, {27.19, 16.96}, {34.44, 21.39}};
    requireErrors(errors, found.heldOutErrors(table));
    requireErrors(persistence, new Persistence(spec).heldOutErrors(table));
    requireErrors(
        ofRoots,
        Autoregression.fit(table, spec, 9, Transformation.SQUARE_ROOT).heldOutErrors(table));
  }

  private static void requireErrors(double[][] expected, ForecastErrors errors) {
    for (int k = 0; k < expected.length; k++) {
      assertEquals(expected[k][0], errors.steps().get(k).rmse(), 0.00501);
      assertEquals(expected[k][1], errors.steps().get(k).mae(), 0.00501);
    }
  }

  @Test
  void lagsThatFollowFromOthersAreLeftOut() {
    double[] values = new double[200];
    for (int t = 0; t < values.length; t++) {
      values[t] = 5 + 2 * Math.sin(t * 0.7); // two lags say all
    }
    Table table = table(values);
    TableSpec spec = TableSpec.forecast("v", 4).fit(table);
    Autoregression found = Autoregression.fit(table, spec, 9);
    assertEquals(2 * Math.cos(0.7), found.coefficients().get(0), 1e-6);
    assertEquals(-1, found.coefficients().get(1), 1e-6);
    for (int lag = 2; lag < 9; lag++) {
      assertEquals(0, found.coefficients().get(lag));
    }
    assertTrue(found.heldOutErrors(table).rmse() < 1e-6);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void beforeASeriesItsFirstValueStands(int order) {
    double[] values = secondOrder(60, 1, 3);
    TableSpec spec = TableSpec.forecast("v", 1).fit(table(values));
    Autoregression found = Autoregression.fit(table(values), spec, order);
    double expected = found.intercept();
    for (double coefficient : found.coefficients()) {
      expected += coefficient * 7;
    }
    assertEquals(expected, found.afterEachRow(table(7, 8)).get(0).values().get(0), 1e-9);
  }

  @Test
  void whatCannotBeFittedIsRefused() {
    Table table = table(secondOrder(20, 1, 1));
    TableSpec spec = TableSpec.forecast("v", 1).fit(table);
    assertEquals(
        "the order of the autoregression is 0; needed at least 1",
        refusal(() -> Autoregression.fit(table, spec, 0)));
    assertEquals(
        "t.csv: an autoregression of order 8 has 9 numbers to find, and 8 rows with 8 before it in"
            + " the training part (the longest series has 16); needed at least as many",
        refusal(() -> Autoregression.fit(table, spec, 8)));
    assertTrue(
        refusal(
                () ->
                    Autoregression.fit(
                        table(1, -5, 2, 3, 1, 2, 3, 1, 2, 4), spec, 1, Transformation.SQUARE_ROOT))
            .startsWith("t.csv: line 3, column 'v': the cell holds -5.0, of which there is no"));
    Table labels = CsvFile.parse("t.csv", "v,y\n1,a\n2,b\n3,a\n4,b\n5,a\n", ',');
    TableSpec classes = TableSpec.rowLabels("y").fit(labels);
    assertEquals(
        "column 'y' holds labels; persistence needs a forecast",
        refusal(() -> new Persistence(classes)));
    TableSpec all = TableSpec.forecast("v", 1).holdOut(0).fit(table);
    assertTrue(
        refusal(() -> new Persistence(all).heldOutErrors(table)).startsWith("no forecast is of"));
  }
}
