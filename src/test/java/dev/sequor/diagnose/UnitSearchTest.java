package dev.sequor.diagnose;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UnitSearchTest {
  /** Numbers that each keep most of the one before, like activations do. */
  private static double[] slow(int length, double kept, SplittableRandom random) {
    double[] series = new double[length];
    double value = 0;
    for (int t = -50; t < length; t++) {
      value = kept * value + random.nextGaussian();
      series[Math.max(0, t)] = value;
    }
    return series;
  }

  /** Zeros and ones in runs, like being inside quotation marks. */
  private static double[] runs(int length, double change, SplittableRandom random) {
    double[] series = new double[length];
    int now = random.nextInt(2);
    for (int t = 0; t < length; t++) {
      now = random.nextDouble() < change ? 1 - now : now;
      series[t] = now;
    }
    series[0] = 1 - series[length - 1]; // never the same throughout
    return series;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8, 64})
  void transformsAreSumsOfWaves(int size) {
    SplittableRandom random = new SplittableRandom(size);
    double[] real = slow(size, 0.3, random);
    double[] imaginary = slow(size, 0.3, random);
    double[] re = real.clone();
    double[] im = imaginary.clone();
    Fourier fourier = new Fourier(size);
    fourier.transform(re, im);
    for (int k = 0; k < size; k++) {
      double sumRe = 0;
      double sumIm = 0;
      for (int t = 0; t < size; t++) {
        double angle = -2 * Math.PI * k * t / size;
        sumRe += real[t] * Math.cos(angle) - imaginary[t] * Math.sin(angle);
        sumIm += real[t] * Math.sin(angle) + imaginary[t] * Math.cos(angle);
      }
      assertEquals(sumRe, re[k], 1e-11);
      assertEquals(sumIm, im[k], 1e-11);
    }
    fourier.inverse(re, im);
    for (int t = 0; t < size; t++) {
      assertEquals(real[t], re[t], 1e-12);
      assertEquals(imaginary[t], im[t], 1e-12);
    }
  }

  @Test
  void correlationsAreThoseOfTheDefinition() {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 50; i++) {
      int length = random.nextInt(2, 60);
      double[] a = slow(length, 0.5, random);
      double[] b = i % 2 == 0 ? slow(length, 0.5, random) : runs(length, 0.3, random);
      // Σ(ab)·N − Σa·Σb over the roots, with 50 digits.
      MathContext digits = new MathContext(50);
      BigDecimal n = BigDecimal.valueOf(length);
      BigDecimal[] sums = new BigDecimal[5];
      Arrays.fill(sums, BigDecimal.ZERO);
      for (int t = 0; t < length; t++) {
        BigDecimal x = new BigDecimal(a[t]);
        BigDecimal y = new BigDecimal(b[t]);
        BigDecimal[] terms = {x, y, x.multiply(y), x.multiply(x), y.multiply(y)};
        for (int s = 0; s < sums.length; s++) {
          sums[s] = sums[s].add(terms[s]);
        }
      }
      BigDecimal above = sums[2].multiply(n).subtract(sums[0].multiply(sums[1]));
      BigDecimal below =
          sums[3]
              .multiply(n)
              .subtract(sums[0].pow(2))
              .multiply(sums[4].multiply(n).subtract(sums[1].pow(2)))
              .sqrt(digits);
      assertEquals(above.divide(below, digits).doubleValue(), Correlation.of(a, b), 1e-13);
    }
    assertEquals(0, Correlation.of(new double[] {0.1, 0.1, 0.1}, new double[] {1, 2, 4}));
    assertThrows(
        IllegalArgumentException.class, () -> Correlation.of(new double[2], new double[3]));
  }

  /** Lengths that transforms take as they are, and others. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 45, 64, 101})
  void everyShiftIsWorkedOut(int length) {
    SplittableRandom random = new SplittableRandom(length);
    double[][] units = new double[7][];
    for (int u = 0; u < units.length; u++) {
      units[u] = u == 3 ? new double[length] : slow(length, 0.8, random);
    }
    List<double[]> features = List.of(runs(length, 0.2, random), slow(length, 0.8, random));
    double level = 0.1;
    List<UnitSearch.Match> found = UnitSearch.best(units.length, u -> units[u], features, level);
    for (int f = 0; f < features.size(); f++) {
      double[] feature = features.get(f);
      double[] most = new double[length];
      int best = 0;
      for (int shift = 0; shift < length; shift++) {
        double[] shifted = new double[length];
        for (int t = 0; t < length; t++) {
          shifted[t] = feature[Math.floorMod(t - shift, length)];
        }
        for (int u = 0; u < units.length; u++) {
          double size = Math.abs(Correlation.of(units[u], shifted));
          if (size > most[shift]) {
            most[shift] = size;
            best = shift == 0 ? u : best;
          }
        }
      }
      int near = Math.max(1, (length + 19) / 20);
      double[] far =
          near > length - near ? new double[0] : Arrays.copyOfRange(most, near, length - near + 1);
      double without = most[0];
      long asMuch = Arrays.stream(most).filter(value -> value >= without - 1e-9).count();
      UnitSearch.Match match = found.get(f);
      assertEquals(best, match.unit());
      assertEquals(Correlation.of(units[best], feature), match.correlation());
      assertEquals((double) asMuch / length, match.p(), 1e-15);
      Arrays.sort(far);
      int rank = (int) Math.floor(level * (far.length + 1));
      assertEquals(rank == 0 ? 1 : far[far.length - rank], match.chance(), 1e-12);
      assertEquals(match.p() <= level && without > match.chance() + 1e-12, match.telling());
    }
  }

  @Test
  void aUnitThatTellsIsFoundAmongMany() {
    SplittableRandom random = new SplittableRandom(11);
    int length = 600;
    double[] feature = runs(length, 0.05, random);
    double[] counted = slow(length, 0.9, random);
    double[][] units = new double[60][];
    for (int u = 0; u < units.length; u++) {
      units[u] = slow(length, 0.9, random);
    }
    for (int t = 0; t < length; t++) {
      units[17][t] = -2 * feature[t] + 0.5 * units[17][t];
      units[41][t] = counted[t] + 0.5 * units[41][t];
    }
    double[] nobody = runs(length, 0.05, random);
    List<UnitSearch.Match> found =
        UnitSearch.best(units.length, u -> units[u], List.of(feature, counted, nobody), 0.01);
    assertEquals(17, found.get(0).unit());
    assertTrue(found.get(0).telling());
    assertTrue(found.get(0).correlation() < -0.5);
    assertEquals(41, found.get(1).unit());
    assertTrue(found.get(1).telling());
    assertTrue(found.get(1).correlation() > 0.8);
    assertFalse(found.get(2).telling(), () -> found.get(2).toString());
  }

  /** As often as asked for, though both are slow: a test that took steps for independent would. */
  @Test
  void chanceIsRarelyTakenForMore() {
    SplittableRandom random = new SplittableRandom(1);
    int trials = 300;
    int told = 0;
    int likely = 0;
    int asIfIndependent = 0;
    int length = 256;
    for (int trial = 0; trial < trials; trial++) {
      double[][] units = new double[12][];
      for (int u = 0; u < units.length; u++) {
        units[u] = slow(length, 0.95, random);
      }
      List<double[]> features = List.of(runs(length, 0.04, random));
      UnitSearch.Match match = UnitSearch.best(units.length, u -> units[u], features, 0.05).get(0);
      told += match.telling() ? 1 : 0;
      likely += match.p() <= 0.5 ? 1 : 0;
      // t = r·√((N−2)/(1−r²)) against 2.9, a twelfth of 5 % on two sides.
      double r = Math.abs(match.correlation());
      asIfIndependent += r * Math.sqrt((length - 2) / (1 - r * r)) > 2.9 ? 1 : 0;
    }
    // Of 300, 15 are expected, and 28 or more once in a thousand times.
    assertTrue(told < 28, "told " + told);
    // Nor is it blind: half of all have a p below a half.
    assertTrue(likely > 120 && likely < 180, "likely " + likely);
    assertTrue(asIfIndependent > 200, "as if independent " + asIfIndependent);
  }

  @Test
  void whatCannotBeSearchedIsRefused() {
    double[] feature = {0, 1, 0};
    refused(
        "there are 0 units and 1 features; needed at least 1 of each", 0, feature, feature, 0.1);
    refused("level is 0.0; needed more than 0, less than 1", 1, feature, feature, 0);
    refused("level is NaN; needed more than 0, less than 1", 1, feature, feature, Double.NaN);
    refused("unit 0 holds 2 numbers; needed 3", 1, new double[2], feature, 0.1);
    refused(
        "feature 0 is 2.0 throughout; needed one that changes",
        1,
        feature,
        new double[] {2, 2, 2},
        0.1);
    assertThrows(IllegalArgumentException.class, () -> new Fourier(12));
  }

  private static void refused(
      String message, int units, double[] unit, double[] feature, double level) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> UnitSearch.best(units, u -> unit, List.of(feature), level))
            .getMessage());
  }
}
