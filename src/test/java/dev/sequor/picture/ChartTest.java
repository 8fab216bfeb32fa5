package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.picture.Series.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ChartTest {
  private static Chart chart() {
    return Chart.of("A title").x("training step", AxisScale.INTEGER).y("nats", AxisScale.LINEAR);
  }

  private static List<String> words(Svg picture) {
    return ReadSvg.of(picture).texts().stream().map(ReadSvg.Text::words).toList();
  }

  @Test
  void allPointsAreThereWithTheirWords() {
    List<Point> points = new ArrayList<>();
    for (int i = 1; i <= 5; i++) {
      points.add(new Point(i, i, i - 0.5, i + 0.5, i == 3 ? "the third <one>" : ""));
    }
    ReadSvg read = ReadSvg.of(chart().add(Series.marked("some", 0, points)).draw());
    assertEquals(
        List.of(
            "some: training step 1, nats 1, from 0.5 to 1.5",
            "some: training step 2, nats 2, from 1.5 to 2.5",
            "the third <one>",
            "some: training step 4, nats 4, from 3.5 to 4.5",
            "some: training step 5, nats 5, from 4.5 to 5.5"),
        read.titles());
    assertEquals(5, read.elements("circle").size());
    assertEquals(
        "A title. nats over training step. some: 5 points, from 1 to 5.",
        read.root().getAttribute("aria-label"));
    read.requireReadable();
  }

  @Test
  void axesAndTitleAreWritten() {
    List<String> words = words(chart().add(Series.line("a", 0, Series.values(3, 1, 2))).draw());
    assertTrue(words.containsAll(List.of("A title", "training step", "nats", "a", "0", "1", "2")));
  }

  @Test
  void aLineHasAGapWhereThereIsNoValue() {
    Svg picture = chart().add(Series.line("a", 0, Series.values(1, 2, Double.NaN, 4, 5))).draw();
    String path = ReadSvg.of(picture).elements("path").get(0).getAttribute("d");
    assertEquals(2, path.chars().filter(c -> c == 'M').count(), path);
    assertEquals(2, path.chars().filter(c -> c == 'L').count(), path);
  }

  @Test
  void stepsLastUntilTheNextAndReachDownToZero() {
    ReadSvg read = ReadSvg.of(chart().add(Series.steps("rate", 0, Series.values(5, 4, 3))).draw());
    assertEquals(2, read.elements("path").size());
    assertEquals("0.18", read.elements("path").get(0).getAttribute("fill-opacity"));
    assertTrue(read.texts().stream().anyMatch(text -> text.words().equals("0")));
  }

  @Test
  void withoutValuesItSaysSo() {
    assertTrue(words(chart().draw()).contains("no values"));
    assertTrue(
        words(chart().add(Series.line("a", 0, Series.values(Double.NaN))).draw())
            .contains("no values"));
  }

  @Test
  void whatALogarithmCannotShowIsRefused() {
    Chart chart =
        Chart.of("").y("", AxisScale.LOGARITHMIC).add(Series.line("a", 0, Series.values(1, 0)));
    assertEquals(
        "series 'a' has a point whose y is 0.0; needed more than 0 on a logarithmic axis",
        assertThrows(IllegalArgumentException.class, chart::draw).getMessage());
    assertThrows(IllegalArgumentException.class, () -> Chart.of("").size(400, 100));
    assertThrows(IllegalArgumentException.class, () -> Point.of(Double.NaN, 1));
    assertThrows(IllegalArgumentException.class, () -> Point.of(1, Double.POSITIVE_INFINITY));
    assertThrows(IllegalArgumentException.class, () -> new Point(1, 2, 3, 4, ""));
  }

  /** Series that end together, end early, are many, have long names: whatever comes. */
  @ParameterizedTest
  @EnumSource
  void nothingWrittenEverOverlaps(AxisScale scale) {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 300; i++) {
      Chart chart =
          Chart.of("word ".repeat(random.nextInt(1, 30)))
              .x("an axis", scale)
              .y("another", List.of(AxisScale.values()).get(random.nextInt(3)));
      if (random.nextBoolean()) {
        chart.size(random.nextInt(240, 900), random.nextInt(160, 600));
      }
      if (random.nextInt(4) == 0) {
        chart.legend();
      }
      double unit = Math.pow(10, random.nextInt(-9, 9));
      int count = random.nextInt(1, 25);
      for (int s = 0; s < count; s++) {
        List<Point> points = new ArrayList<>();
        int length = random.nextInt(1, 30);
        for (int p = 1; p <= length; p++) {
          points.add(Point.of(p * unit, (1 + (s % 3) * random.nextDouble()) * unit));
        }
        String name = "series " + s + "x".repeat(random.nextInt(random.nextInt(1, 20)));
        chart.add(
            switch (random.nextInt(4)) {
              case 0 -> Series.line(name, s, points);
              case 1 -> Series.marked(name, s, points);
              case 2 -> Series.steps(name, s, points);
              default -> Series.points(name, s, points);
            });
      }
      ReadSvg read = ReadSvg.of(chart.draw());
      read.requireReadable();
      long named = read.texts().stream().filter(text -> text.words().startsWith("series ")).count();
      assertEquals(count, named);
    }
  }

  @Test
  void allThatIsDrawnLiesInThePicture() {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      points.add(Point.of(Math.cos(i), Math.sin(i)));
    }
    Svg picture = Chart.of("").add(Series.points("", 0, points)).draw();
    for (var circle : ReadSvg.of(picture).elements("circle")) {
      double x = Double.parseDouble(circle.getAttribute("cx"));
      double y = Double.parseDouble(circle.getAttribute("cy"));
      assertTrue(x > 4 && x < picture.width() - 4 && y > 0 && y < picture.height(), x + " " + y);
    }
  }

  @Test
  void aWatermarkIsReadToThoseWhoDoNotSeeIt() {
    Svg picture =
        chart().watermark("NOT A GPU").add(Series.line("a", 0, Series.values(1, 2))).draw();
    ReadSvg read = ReadSvg.of(picture);
    assertTrue(read.root().getAttribute("aria-label").startsWith("A title. NOT A GPU. "));
    assertTrue(
        read.elements("text").stream().anyMatch(t -> t.getTextContent().equals("NOT A GPU")));
  }

  @Test
  void theSameChartHasTheSameBytes() {
    Svg one = chart().add(Series.line("a", 0, Series.values(3, 1, 2))).draw();
    Svg two = chart().add(Series.line("a", 0, Series.values(3, 1, 2))).draw();
    assertEquals(one.file(), two.file());
  }
}
