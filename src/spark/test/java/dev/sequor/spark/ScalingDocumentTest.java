package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What docs/scaling.md shows as foretold and as predicted is what the formula says. */
class ScalingDocumentTest {
  private static final Path DOCUMENT = Path.of("docs/scaling.md");
  private static final String MEASURED = "| executors | F | c | units |";
  private static final String FIRST = "| executors | F | c | LSTM of 32 units";

  /** A row of the table of measurements. */
  private record Row(
      int executors,
      double fixed,
      double millisPerMegabyte,
      int units,
      int localSteps,
      double megabytes,
      double computing,
      double foretold,
      double measured) {
    static Row of(String line) {
      List<Double> cells =
          List.of(line.replaceAll("^\\| | \\|$", "").split(" \\| ", -1)).stream()
              .map(cell -> Double.valueOf(cell.replaceFirst(" .*", "")))
              .toList();
      assertEquals(9, cells.size(), line);
      return new Row(
          cells.get(0).intValue(),
          cells.get(1),
          cells.get(2),
          cells.get(3).intValue(),
          cells.get(4).intValue(),
          cells.get(5),
          cells.get(6),
          cells.get(7),
          cells.get(8));
    }
  }

  private static String document() throws IOException {
    return Files.readString(DOCUMENT, StandardCharsets.UTF_8);
  }

  private static List<String> table(String head) throws IOException {
    return document()
        .lines()
        .dropWhile(line -> !line.startsWith(head))
        .skip(2)
        .takeWhile(line -> line.startsWith("| "))
        .toList();
  }

  private static List<Row> rows() throws IOException {
    return table(MEASURED).stream().map(Row::of).toList();
  }

  private static IntStream executors() throws IOException {
    return rows().stream().mapToInt(Row::executors).distinct();
  }

  private static double leadingNumber(String cell) {
    return Double.parseDouble(cell.strip().replaceFirst(" .*", ""));
  }

  @Test
  void whatIsForetoldFollowsFromTheRow() throws IOException {
    assertEquals(6 * executors().count(), rows().size());
    for (Row row : rows()) {
      double foretold =
          new RoundTime(
                  row.computing(),
                  row.fixed(),
                  row.millisPerMegabyte() / 1e9,
                  Math.round(row.megabytes() * 1e6))
              .seconds();
      // Half of the last digit of the three times, of c and of the bytes.
      double digits =
          0.0015 + 0.00005 * row.megabytes() + 0.005 * row.millisPerMegabyte() / 1e3 + 1e-9;
      assertEquals(foretold, row.foretold(), digits, row::toString);
    }
  }

  /** F and c are the least squares of what the rows were measured to take beyond computing. */
  @Test
  void theFitLeavesNoMeanErrorAndNoSlope() throws IOException {
    for (int executors : executors().toArray()) {
      List<Row> some = rows().stream().filter(row -> row.executors() == executors).toList();
      assertEquals(6, some.size());
      double error = 0;
      double slope = 0;
      double megabytes = 0;
      for (Row row : some) {
        error += row.measured() - row.foretold();
        slope += (row.measured() - row.foretold()) * row.megabytes();
        megabytes += row.megabytes();
      }
      assertEquals(0, error, 6 * 0.001, executors + " executors");
      assertEquals(0, slope, megabytes * 0.001, executors + " executors");
    }
  }

  @Test
  void bytesAreThoseOfTheFormula() throws IOException {
    for (Row row : rows()) {
      if (row.localSteps() == 8) {
        Row single =
            rows().stream()
                .filter(each -> each.executors() == row.executors())
                .filter(each -> each.units() == row.units() && each.localSteps() == 1)
                .findFirst()
                .orElseThrow();
        double ratio = RoundTime.bytesOneWay(1, 2, 8) / (double) RoundTime.bytesOneWay(1, 2, 1);
        assertEquals(ratio * single.megabytes(), row.megabytes(), 0.02, row::toString);
      }
    }
  }

  /**
   * The first measurement has no computing times, so that they follow from what was foretold: they
   * must be times, and what was foretold of the largest model within 2 % of what was measured.
   */
  @Test
  void theFirstMeasurementLeavesTimeForComputing() throws IOException {
    double[] megabytes = {0.08, 7.2, 19.8, 59.4};
    List<String> rows = table(FIRST);
    assertEquals(3, rows.size());
    for (String row : rows) {
      String[] cells = row.substring(2).split("\\|", -1);
      double fixed = leadingNumber(cells[1]);
      double perByte = leadingNumber(cells[2]) / 1e9;
      for (int i = 0; i < megabytes.length; i++) {
        String[] pair = cells[3 + i].split(",", -1);
        double foretold = leadingNumber(pair[0]);
        RoundTime overhead = new RoundTime(0, fixed, perByte, Math.round(megabytes[i] * 1e6));
        assertTrue(foretold > overhead.seconds(), row);
        if (i >= 2) {
          assertEquals(1, leadingNumber(pair[1]) / foretold, 0.02, row);
        }
      }
    }
  }

  @Test
  void predictionsStartFromTheMeasuredStage() throws IOException {
    assertEquals(
        leadingNumber(table(FIRST).get(0).split("\\|", -1)[2]), ScalingTables.GIVEN.stageSeconds());
  }

  @Test
  void theTablesAreThoseOfTheProgram() throws IOException {
    List<String> tables = ScalingTables.all();
    String text = document();
    String wanted = String.join("\n", tables);
    for (String table : tables) {
      assertTrue(table.lines().count() > 3, table);
      assertTrue(text.contains(table), () -> "docs/scaling.md needs these tables:\n\n" + wanted);
    }
  }

  @Test
  void theCostOfBytesForOneExecutorIsThePrograms() throws IOException {
    ClusterCost.Model model = new ClusterCost.Model("any", 10_000_000, 2, 128);
    double perByte =
        new ClusterCost(ScalingTables.GIVEN).round(model, 1, 1, 256).time().secondsPerByte();
    String said = String.format(Locale.ROOT, "come to c = %.1f ms/MB", perByte * 1e9);
    assertTrue(document().contains(said), said);
  }

  @Test
  void thereAreNoOtherPredictions() throws IOException {
    String section = document().replaceFirst("(?s).*\n## Predicted\n", "");
    section = section.replaceFirst("(?s)\n## .*", "");
    for (String table : ScalingTables.all()) {
      section = section.replace(table, "");
    }
    assertEquals(List.of(), section.lines().filter(line -> line.startsWith("|")).toList());
  }
}
