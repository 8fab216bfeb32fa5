package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class InkTest {
  private static final double ENOUGH = 4.5;
  private static final Set<Ink> BACKGROUNDS = EnumSet.of(Ink.PAGE, Ink.BOX, Ink.STRIPE);
  private static final Set<Ink> TEXTS =
      EnumSet.complementOf(EnumSet.of(Ink.PAGE, Ink.BOX, Ink.STRIPE, Ink.GRID));

  @Test
  void allTextCanBeReadOnLightAndDark() {
    for (Ink background : BACKGROUNDS) {
      for (Ink text : TEXTS) {
        double light = text.light().contrast(background.light());
        double dark = text.dark().contrast(background.dark());
        assertTrue(light >= ENOUGH, text + " on light " + background + ": " + light);
        assertTrue(dark >= ENOUGH, text + " on dark " + background + ": " + dark);
      }
    }
  }

  @Test
  void numbersCanBeReadOnEveryColourOfAScale() {
    for (ColourScale scale : ColourScale.values()) {
      for (int i = 0; i <= 1000; i++) {
        Rgb colour = scale.at(i / 1000.0);
        double contrast = ColourScale.readableOn(colour).contrast(colour);
        assertTrue(contrast >= ENOUGH, scale + " at " + i + ": " + contrast);
      }
    }
  }

  /** So that it is read in black and white, too. */
  @Test
  void aSequenceOnlyGetsDarkerAndADivergenceDoesToBothSides() {
    for (int i = 1; i <= 1000; i++) {
      double here = i / 1000.0;
      double before = (i - 1) / 1000.0;
      assertTrue(
          ColourScale.SEQUENTIAL.at(here).luminance()
              <= ColourScale.SEQUENTIAL.at(before).luminance());
      double from = Math.abs(here - 0.5) > Math.abs(before - 0.5) ? before : here;
      double to = from == here ? before : here;
      assertTrue(
          ColourScale.DIVERGING.at(to).luminance() <= ColourScale.DIVERGING.at(from).luminance());
    }
  }

  /** Luminance and hue as those see them who lack one kind of cone (Viénot et al. 1999). */
  @Test
  void seriesDifferForColourBlindEyes() {
    List<Function<double[], double[]>> eyes =
        List.of(
            c -> c,
            c -> new double[] {mix(c, 0.1121, 0.8853), mix(c, 0.1127, 0.8897), blue(c, 0.0045)},
            c -> new double[] {mix(c, 0.2928, 0.7054), mix(c, 0.2934, 0.7089), blue(c, -0.02089)});
    for (Function<double[], double[]> eye : eyes) {
      for (int i = 0; i < 6; i++) {
        for (int j = 0; j < i; j++) {
          Ink one = Ink.series(i);
          Ink two = Ink.series(j);
          double light = distance(eye, one.light(), two.light());
          double dark = distance(eye, one.dark(), two.dark());
          assertTrue(light > 0.05, one + " and " + two + " on light: " + light);
          assertTrue(dark > 0.05, one + " and " + two + " on dark: " + dark);
        }
      }
    }
  }

  private static double mix(double[] c, double red, double green) {
    return red * c[0] + green * c[1];
  }

  private static double blue(double[] c, double most) {
    return most * (c[0] - c[1]) + c[2];
  }

  /** In Oklab (Ottosson 2020); 0.02 is about the least that is seen. */
  private static double distance(Function<double[], double[]> eye, Rgb one, Rgb two) {
    double[] a = oklab(eye.apply(linear(one)));
    double[] b = oklab(eye.apply(linear(two)));
    return Math.sqrt(
        Math.pow(a[0] - b[0], 2) + Math.pow(a[1] - b[1], 2) + Math.pow(a[2] - b[2], 2));
  }

  private static double[] linear(Rgb colour) {
    return new double[] {
      new Rgb(colour.red(), colour.red(), colour.red()).luminance(),
      new Rgb(colour.green(), colour.green(), colour.green()).luminance(),
      new Rgb(colour.blue(), colour.blue(), colour.blue()).luminance()
    };
  }

  private static double[] oklab(double[] c) {
    double l = Math.cbrt(0.4122214708 * c[0] + 0.5363325363 * c[1] + 0.0514459929 * c[2]);
    double m = Math.cbrt(0.2119034982 * c[0] + 0.6806995451 * c[1] + 0.1073969566 * c[2]);
    double s = Math.cbrt(0.0883024619 * c[0] + 0.2817188376 * c[1] + 0.6299787005 * c[2]);
    return new double[] {
      0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s
    };
  }

  @Test
  void contrastIsWhatTheGuidelinesSay() {
    assertEquals(21, Rgb.of(0).contrast(Rgb.of(0xFFFFFF)), 1e-9);
    assertEquals(1, Rgb.of(0x777777).contrast(Rgb.of(0x777777)), 1e-9);
    assertEquals(4.48, Rgb.of(0x777777).contrast(Rgb.of(0xFFFFFF)), 0.01);
  }
}
