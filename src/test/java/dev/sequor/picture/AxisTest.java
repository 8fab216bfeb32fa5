package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.HashSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AxisTest {
  private static final int RANGES = 20_000;

  private static List<String> marks(AxisScale scale, double least, double most) {
    return Axis.of(scale, least, most, false).labels();
  }

  /** Whatever the values are: inside, 3 to 8 of them, rising, and told apart by their labels. */
  @ParameterizedTest
  @EnumSource
  void marksAreGoodForEveryRange(AxisScale scale) {
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < RANGES; i++) {
      double one = number(random, scale);
      double other =
          switch (random.nextInt(4)) {
            case 0 -> one;
            case 1 -> beside(one, scale, random);
            default -> number(random, scale);
          };
      requireGood(scale, Math.min(one, other), Math.max(one, other), random.nextBoolean());
    }
  }

  private static double beside(double one, AxisScale scale, SplittableRandom random) {
    double other = one * (1 + Math.scalb(random.nextDouble(), random.nextInt(-60, 1)));
    return scale == AxisScale.INTEGER ? Math.rint(other) : other;
  }

  private static double number(SplittableRandom random, AxisScale scale) {
    boolean usual = random.nextInt(5) != 0;
    double least = usual ? -6 : -299;
    double most = usual ? 6 : 299;
    double number =
        scale == AxisScale.INTEGER
            ? Math.rint(Math.pow(10, random.nextDouble(0, usual ? 6 : 15)))
            : Math.pow(10, random.nextDouble(least, most));
    if (scale == AxisScale.LOGARITHMIC) {
      return number;
    }
    return random.nextInt(9) == 0 ? 0 : random.nextInt(3) == 0 ? -number : number;
  }

  private static void requireGood(AxisScale scale, double least, double most, boolean hasRoom) {
    Axis axis = Axis.of(scale, least, most, hasRoom);
    List<BigDecimal> ticks = axis.ticks();
    String said = axis + " for " + least + " to " + most + ": " + ticks;
    assertTrue(axis.least() <= least && axis.most() >= most, said);
    assertTrue(ticks.size() >= 3 && ticks.size() <= 8, said);
    double before = Double.NEGATIVE_INFINITY;
    for (BigDecimal tick : ticks) {
      double at = axis.at(tick.doubleValue());
      assertTrue(at >= -1e-6 && at <= 1 + 1e-6, said);
      assertTrue(at > before, said);
      before = at;
      if (scale == AxisScale.INTEGER) {
        assertTrue(tick.stripTrailingZeros().scale() <= 0, said);
      }
    }
    List<String> labels = axis.labels();
    assertEquals(ticks.size(), new HashSet<>(labels).size(), said + " " + labels);
    assertTrue(labels.stream().noneMatch(label -> label.contains("E")), labels::toString);
  }

  @Test
  void equalRatiosAreEqualDistances() {
    Axis axis = new Axis(AxisScale.LOGARITHMIC, 1, 100);
    assertEquals(0.5, axis.at(10), 1e-12);
    assertEquals(0, axis.at(1), 1e-12);
    assertEquals(1, axis.at(100), 1e-12);
  }

  @Test
  void marksAreRound() {
    assertEquals(List.of("0", "500", "1,000", "1,500", "2,000"), marks(AxisScale.INTEGER, 0, 2000));
    assertEquals(List.of("0", "1", "2"), marks(AxisScale.INTEGER, 0, 1));
    assertEquals(List.of("0", "1", "2"), marks(AxisScale.INTEGER, 1, 1));
    assertEquals(
        List.of("0.2", "0.5", "1", "2", "5", "10"), marks(AxisScale.LOGARITHMIC, 0.15, 12));
    assertEquals(List.of("1", "10", "100", "1,000"), marks(AxisScale.LOGARITHMIC, 0.5, 5000));
    assertEquals(List.of("1.4", "1.6", "1.8", "2.0", "2.2"), marks(AxisScale.LINEAR, 1.39, 2.31));
    assertEquals(List.of("−1.0", "−0.5", "0", "0.5", "1.0"), marks(AxisScale.LINEAR, -1, 1));
  }

  @Test
  void longNumbersBecomePowersOfTen() {
    assertEquals(
        List.of("0", "5×10¹¹", "10¹²", "1.5×10¹²", "2×10¹²"), marks(AxisScale.INTEGER, 0, 2e12));
    assertEquals("2.5×10⁻¹²", TickLabels.of(List.of(new BigDecimal("2.5e-12"))).get(0));
  }

  @Test
  void aSingleValueHasRoomAroundIt() {
    for (AxisScale scale : AxisScale.values()) {
      Axis axis = Axis.of(scale, 7, 7, true);
      assertTrue(axis.least() < 7 && axis.most() > 7, axis::toString);
      assertEquals(0.5, axis.at(7), 0.2);
    }
  }

  @Test
  void wordsRoundNumbers() {
    assertEquals("0.3333", TickLabels.rounded(1 / 3.0));
    assertEquals("12,345", TickLabels.rounded(12345));
    assertEquals("1.235×10⁻²⁰", TickLabels.rounded(1.2345678e-20));
    assertEquals("0", TickLabels.rounded(-0.0));
  }
}
