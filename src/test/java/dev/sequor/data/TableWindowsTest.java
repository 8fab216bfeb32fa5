package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TableWindowsTest {
  private static Table counting(int rows) {
    double[] values = new double[rows];
    for (int t = 0; t < rows; t++) {
      values[t] = t;
    }
    return Table.ofNumbers("t.csv", Map.of("v", values));
  }

  private static Table csv(String text) {
    return CsvFile.parse("t.csv", text, ',');
  }

  private static float[] reals(Values values) {
    return ((Values.Reals) values).values();
  }

  private static String refusal(Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static long original(TableSpec spec, float scaled) {
    return Math.round(((TableGoal.Forecast) spec.goal()).target().original(scaled));
  }

  @ParameterizedTest(name = "{0} rows, T={1}, K={2}, {3} held out")
  @CsvSource({"50,8,1,0.2", "50,8,5,0.2", "30,24,1,0", "20,16,4,0.5", "20,100,4,0.5"})
  void targetsFollowTheirInputsAndLieInTheTrainingPart(
      int rows, int timeSteps, int horizon, double heldOut) {
    Table table = counting(rows);
    TableSpec spec = TableSpec.forecast("v", horizon).holdOut(heldOut).fit(table);
    TableWindows windows = new TableWindows(table, spec, timeSteps, 4, 7);
    int trained = spec.series(table).get(0).trainingRows();
    assertEquals(Math.min(timeSteps, trained - horizon), windows.timeSteps());
    Set<Long> firsts = new HashSet<>();
    long last = 0;
    for (long epoch = 0; epoch < 40; epoch++) {
      for (long i = 0; i < windows.windowsPerEpoch(); i++) {
        Window window = windows.window(epoch, i);
        assertTrue(window.resetState());
        assertNull(window.lengths());
        float[] inputs = reals(window.inputValues());
        float[] targets = reals(window.targetValues());
        for (int b = 0; b < 4; b++) {
          long first = original(spec, inputs[b]);
          firsts.add(first);
          for (int t = 0; t < windows.timeSteps(); t++) {
            assertEquals(first + t, original(spec, inputs[t * 4 + b]));
            for (int k = 0; k < horizon; k++) {
              long target = original(spec, targets[(t * 4 + b) * horizon + k]);
              assertEquals(first + t + 1 + k, target);
              last = Math.max(last, target);
            }
          }
        }
      }
    }
    assertEquals(trained - 1, last, "the last row that trains is learned, and none after it");
    assertEquals(trained - horizon - windows.timeSteps() + 1, firsts.size(), "every place");
  }

  @Test
  void windowsAreAFunctionOfSeedEpochAndIndex() {
    Table table = counting(400);
    TableSpec spec = TableSpec.forecast("v", 1).fit(table);
    TableWindows one = new TableWindows(table, spec, 8, 4, 1);
    TableWindows other = new TableWindows(table, spec, 8, 4, 1);
    assertEquals(10, one.windowsPerEpoch(), "319 rows in windows of 32");
    float[] kept = reals(one.window(3, 5).inputValues());
    one.window(0, 0);
    assertArrayEquals(kept, reals(other.window(3, 5).inputValues()));
    assertArrayEquals(kept, reals(one.window(3, 5).inputValues()));
    assertFalse(java.util.Arrays.equals(kept, reals(one.window(3, 6).inputValues())));
    assertFalse(java.util.Arrays.equals(kept, reals(one.window(4, 5).inputValues())));
    assertFalse(
        java.util.Arrays.equals(
            kept, reals(new TableWindows(table, spec, 8, 4, 2).window(3, 5).inputValues())));
  }

  @Test
  void everyPlaceIsDrawnAsOftenAsAnother() {
    Table table = counting(40);
    TableSpec spec = TableSpec.forecast("v", 1).holdOut(0).fit(table);
    TableWindows windows = new TableWindows(table, spec, 20, 50, 3);
    Map<Long, Integer> drawn = new TreeMap<>();
    for (int epoch = 0; epoch < 80; epoch++) {
      float[] inputs = reals(windows.window(epoch, 0).inputValues());
      for (int b = 0; b < 50; b++) {
        drawn.merge(original(spec, inputs[b]), 1, Integer::sum);
      }
    }
    assertEquals(20, drawn.size());
    double chiSquare =
        drawn.values().stream().mapToDouble(n -> (n - 200.0) * (n - 200) / 200).sum();
    assertTrue(chiSquare < 43.8, "of 19 degrees of freedom, p = 0.001: " + chiSquare);
  }

  @Test
  void noWindowReachesIntoAnotherSeries() {
    StringBuilder text = new StringBuilder("id,v\n");
    int[] rows = {20, 4, 30, 2, 12};
    for (int s = 0; s < rows.length; s++) {
      for (int t = 0; t < rows[s]; t++) {
        text.append('s').append(s).append(',').append(100 * s + t).append('\n');
      }
    }
    Table table = csv(text.toString());
    TableSpec spec = TableSpec.forecast("v", 3).by("id").fit(table);
    TableWindows windows = new TableWindows(table, spec, 10, 6, 1);
    assertEquals(2, windows.unusedSeries(), "of 4 and of 2 rows 3 and 1 train: no target");
    Set<Long> seen = new HashSet<>();
    for (int epoch = 0; epoch < 60; epoch++) {
      for (int i = 0; i < windows.windowsPerEpoch(); i++) {
        Window window = windows.window(epoch, i);
        float[] inputs = reals(window.inputValues());
        float[] targets = reals(window.targetValues());
        int[] lengths = window.lengths();
        assertNotNull(lengths);
        for (int b = 0; b < 6; b++) {
          long first = original(spec, inputs[b]);
          long series = first / 100;
          seen.add(series);
          int usable = (int) Math.floor(rows[(int) series] * 0.8 + 1e-6) - 3;
          assertEquals(Math.min(10, usable), lengths[b]);
          for (int t = 0; t < lengths[b]; t++) {
            assertEquals(first + t, original(spec, inputs[t * 6 + b]));
            for (int k = 0; k < 3; k++) {
              long target = original(spec, targets[(t * 6 + b) * 3 + k]);
              assertEquals(first + t + 1 + k, target);
              assertTrue(target % 100 < usable + 3, "in the training part of its series");
            }
          }
        }
      }
    }
    assertEquals(Set.of(0L, 2L, 4L), seen);
  }

  @Test
  void labelsOfRowsStandBesideThem() {
    StringBuilder text = new StringBuilder("v,y\n");
    for (int t = 0; t < 40; t++) {
      text.append(t).append(t % 3 == 0 ? ",fizz\n" : ",no\n");
    }
    Table table = csv(text.toString());
    TableSpec spec = TableSpec.rowLabels("y").fit(table);
    TableWindows windows = new TableWindows(table, spec, 8, 5, 1);
    long last = 0;
    for (int epoch = 0; epoch < 60; epoch++) {
      Window window = windows.window(epoch, 0);
      int[] classes = ((Values.Tokens) window.targetValues()).ids();
      float[] inputs = reals(window.inputValues());
      for (int i = 0; i < 40; i++) {
        long value = Math.round(spec.inputs().get(0).original(inputs[i]));
        assertEquals(value % 3 == 0 ? 0 : 1, classes[i]);
        last = Math.max(last, value);
      }
    }
    assertEquals(31, last);
  }

  @Test
  void wholeSeriesComeOnceAnEpochInOrdersOfTheirOwn() {
    StringBuilder text = new StringBuilder("id,v,y\n");
    for (int s = 0; s < 13; s++) {
      for (int t = 0; t <= s % 4; t++) {
        text.append(s).append(',').append(10 * s + t).append(s % 2 == 0 ? ",a\n" : ",b\n");
      }
    }
    Table table = csv(text.toString());
    TableSpec spec = TableSpec.sequenceLabels("y", "id").fit(table);
    TableWindows windows = new TableWindows(table, spec, 1, 3, 1);
    assertEquals(3, windows.windowsPerEpoch(), "10 series train");
    assertEquals(4, windows.timeSteps());
    Set<String> orders = new HashSet<>();
    Set<Long> ever = new HashSet<>();
    for (int epoch = 0; epoch < 12; epoch++) {
      StringBuilder order = new StringBuilder();
      Set<Long> seen = new HashSet<>();
      for (int i = 0; i < 3; i++) {
        Window window = windows.window(epoch, i);
        int[] classes = ((Values.Tokens) window.targetValues()).ids();
        assertEquals(3, classes.length);
        for (int b = 0; b < 3; b++) {
          float first = reals(window.inputValues())[b];
          long series = Math.round(spec.inputs().get(0).original(first)) / 10;
          assertTrue(seen.add(series), "twice in an epoch");
          assertEquals(series % 2, classes[b]);
          assertEquals(series % 4 + 1, lengths(window)[b]);
          order.append(series).append(' ');
        }
      }
      orders.add(order.toString());
      ever.addAll(seen);
    }
    assertEquals(12, orders.size());
    assertEquals(Set.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L), ever, "11 and 12 are held out");
    assertArrayEquals(
        reals(windows.window(2, 1).inputValues()),
        reals(new TableWindows(table, spec, 1, 3, 1).window(2, 1).inputValues()));
  }

  private static int[] lengths(Window window) {
    int[] lengths = window.lengths();
    return lengths == null ? new int[0] : lengths;
  }

  @Test
  void whatCannotBeIsRefused() {
    Table table = counting(50);
    TableSpec spec = TableSpec.forecast("v", 1).fit(table);
    assertEquals(
        "timeSteps is 0; needed at least 1", refusal(() -> new TableWindows(table, spec, 0, 4, 1)));
    assertEquals(
        "batchSize is 0; needed at least 1", refusal(() -> new TableWindows(table, spec, 4, 0, 1)));
    assertEquals(
        "t.csv: no series has rows to learn from; needed one with more",
        refusal(() -> new TableWindows(counting(2), spec, 4, 4, 1)));
    TableWindows windows = new TableWindows(table, spec, 8, 4, 1);
    assertEquals(
        "window 2 of epoch 0 was asked for; needed 0 to 1 of an epoch from 0",
        refusal(() -> windows.window(0, 2)));
    assertEquals(
        "window 0 of epoch -1 was asked for; needed 0 to 1 of an epoch from 0",
        refusal(() -> windows.window(-1, 0)));
    Table few = csv("id,v,y\n1,1,a\n2,2,b\n3,3,a\n");
    TableSpec labels = TableSpec.sequenceLabels("y", "id").holdOut(0).fit(few);
    assertEquals(
        "batchSize is 4; t.csv has 3 sequences to learn from, which need at most as many",
        refusal(() -> new TableWindows(few, labels, 1, 4, 1)));
  }
}
