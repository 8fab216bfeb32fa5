package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ReportTest {
  private static final Case SMALL = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 128, 32, 128);
  private static final Case LARGE = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 128, 64, 1024);

  private static Row row(Case what, String system, double millis, int repetitions) {
    return new Row(
        what, system, 2, "set", 2 * millis, millis, millis, millis, repetitions, null, null);
  }

  private static String summary(Row... rows) {
    Limits limits =
        new Limits(
            100, 50, Map.of(SMALL.recurrentWeightBytes(), 50.0, LARGE.recurrentWeightBytes(), 9.0));
    Report report =
        new Report(
            new Machine("cpu", 2, 8, "jdk", "os"),
            "1234567",
            limits,
            Map.of(),
            Map.of(),
            List.of(),
            Map.of(),
            List.of("sequor-java at a case"),
            Map.of(SMALL.toString(), 3),
            List.of(rows));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    report.printSummary(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void ratiosOfTooFewRepetitionsAreMarkedAndInNoMean() {
    String text =
        summary(
            row(SMALL, Entrant.CPU, 10, 15),
            row(SMALL, Entrant.PYTORCH, 20, 15),
            row(LARGE, Entrant.CPU, 10, 15),
            row(LARGE, Entrant.PYTORCH, 90, 4));
    assertTrue(text.contains("the best peer 2.00x [2.00x]"), text);
    assertTrue(text.contains("9.00x?"), text);
    assertTrue(text.contains("? of fewer than 5 repetitions"), text);
  }

  @Test
  void aSettledRunHasNoMarks() {
    String text = summary(row(SMALL, Entrant.CPU, 10, 5), row(SMALL, Entrant.PYTORCH, 20, 5));
    assertTrue(text.contains("2.00x "), text);
    assertFalse(text.contains("?"), text);
  }

  @Test
  void whatWasLeftOutAndDisturbedIsSaid() {
    String text = summary(row(SMALL, Entrant.CPU, 10, 5));
    assertTrue(text.contains("left out, the time was up: sequor-java at a case"), text);
    assertTrue(text.contains("3 repetitions, in 1 cases, began while something else"), text);
  }

  @Test
  void productsOfBfloat16AreComparedWithEachOtherAndWithOurFloat32() {
    String text =
        summary(
            row(SMALL, Entrant.CPU, 10, 5),
            row(SMALL, Entrant.PYTORCH, 20, 5),
            row(SMALL, Entrant.CPU_BFLOAT16_PRODUCTS, 4, 5),
            row(SMALL, Entrant.PYTORCH_BFLOAT16, 5, 5));
    assertTrue(text.contains("sequor-cpu LSTM forward against the best peer 2.00x [2.00x]"), text);
    assertTrue(
        text.contains("sequor-cpu-bf16-products LSTM forward against the best peer 1.25x [1.25x]"),
        text);
    assertTrue(
        text.lines().anyMatch(line -> line.matches(".*4\\.000 +5\\.000 +1\\.25x +2\\.50x")), text);
  }

  @Test
  void meansAreOfOneGroupOfShapesEach() {
    Case whole = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, Shape.parse("128,32,128,L2,D2"));
    String text =
        summary(
            row(SMALL, Entrant.CPU, 10, 5),
            row(SMALL, Entrant.PYTORCH, 20, 5),
            row(whole, Entrant.CPU, 10, 5),
            row(whole, Entrant.PYTORCH, 50, 5));
    assertTrue(text.contains("LSTM forward against the best peer 2.00x [2.00x]"), text);
    assertTrue(
        text.contains("LSTM forward, more layers or directions, against the best peer 5.00x"),
        text);
  }

  @Test
  void theFirstTableHasTheLimit() {
    // 2·128·32·512·256 operations at 100 GFLOP/s are 10.737 ms.
    String text = summary(row(SMALL, Entrant.CPU, 20, 15));
    assertTrue(
        text.lines().skip(1).findFirst().orElse("").matches(".*none .* 54 %  arithmetic"), text);
  }
}
