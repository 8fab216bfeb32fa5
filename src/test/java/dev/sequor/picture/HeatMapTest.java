package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HeatMapTest {
  private static double[][] values(int rows, int columns, SplittableRandom random) {
    double[][] values = new double[rows][columns];
    for (double[] row : values) {
      for (int i = 0; i < columns; i++) {
        row[i] = random.nextDouble(-3, 3);
      }
    }
    return values;
  }

  private static List<String> names(String begin, int count) {
    return IntStream.range(0, count).mapToObj(i -> begin + i).toList();
  }

  @Test
  void everyCellSaysWhatItIs() {
    double[][] values = {{1, 2.5, Double.NaN}, {-4, 0, 1e-3}};
    ReadSvg read =
        ReadSvg.of(
            HeatMap.of("Gates", ColourScale.DIVERGING, values)
                .rows("unit", List.of("a", "b"))
                .columns("step", List.of("0", "1", "2"))
                .unit("nats")
                .draw());
    assertEquals(
        List.of(
            "a, 0: 1 nats",
            "a, 1: 2.5 nats",
            "a, 2: no value",
            "b, 0: −4 nats",
            "b, 1: 0 nats",
            "b, 2: 0.001 nats"),
        read.titles());
    assertEquals(
        "Gates. 2 rows and 3 columns, in nats. Colours reach from −4 to 4.",
        read.root().getAttribute("aria-label"));
    read.requireReadable();
  }

  @Test
  void nothingWrittenEverOverlaps() {
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < 100; i++) {
      int rows = random.nextInt(1, random.nextBoolean() ? 12 : 130);
      int columns = random.nextInt(1, random.nextBoolean() ? 12 : 130);
      HeatMap map =
          HeatMap.of(
                  "word ".repeat(random.nextInt(1, 20)),
                  i % 2 == 0 ? ColourScale.SEQUENTIAL : ColourScale.DIVERGING,
                  values(rows, columns, random))
              .rows("rows", names(random.nextBoolean() ? "" : "a name ", rows))
              .columns("columns", names(random.nextBoolean() ? "" : "a longer name ", columns))
              .unit("unit");
      if (random.nextBoolean()) {
        map.numbers();
      }
      ReadSvg read = ReadSvg.of(map.draw());
      read.requireReadable();
      assertTrue(read.elements("rect").size() >= rows * columns);
    }
  }

  @Test
  void numbersStandInCellsThatHaveRoom() {
    double[][] values = {{0.5, 0.25}, {1, 0}};
    List<String> words =
        ReadSvg.of(HeatMap.of("", ColourScale.SEQUENTIAL, values).numbers().draw()).texts().stream()
            .map(ReadSvg.Text::words)
            .toList();
    assertTrue(words.containsAll(List.of("0.50", "0.25", "1.00", "0.00")), words::toString);
  }

  @Test
  void whatIsNoMapIsRefused() {
    ColourScale scale = ColourScale.SEQUENTIAL;
    assertThrows(IllegalArgumentException.class, () -> HeatMap.of("", scale, new double[0][]));
    assertThrows(IllegalArgumentException.class, () -> HeatMap.of("", scale, new double[2][0]));
    assertThrows(
        IllegalArgumentException.class, () -> HeatMap.of("", scale, new double[][] {{1, 2}, {1}}));
    assertThrows(
        IllegalArgumentException.class,
        () -> HeatMap.of("", scale, new double[][] {{Double.NEGATIVE_INFINITY}}));
    assertEquals(
        "values has 1000 by 1000 cells; needed at most 100000",
        assertThrows(
                IllegalArgumentException.class, () -> HeatMap.of("", scale, new double[1000][1000]))
            .getMessage());
    HeatMap map = HeatMap.of("", scale, new double[][] {{1, 2}});
    assertThrows(IllegalArgumentException.class, () -> map.columns("", List.of("a")));
    assertThrows(IllegalArgumentException.class, () -> map.range(1, 1));
  }

  @Test
  void numbersThatAreAllTheSameHaveAColour() {
    HeatMap.of("", ColourScale.SEQUENTIAL, new double[][] {{3, 3}}).draw();
    HeatMap.of("", ColourScale.DIVERGING, new double[][] {{0, 0}}).draw();
    HeatMap.of("", ColourScale.DIVERGING, new double[][] {{Double.NaN}}).draw();
  }
}
