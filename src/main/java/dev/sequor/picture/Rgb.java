package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.Locale;

/**
 * A colour of sRGB.
 *
 * @param red 0…255
 * @param green 0…255
 * @param blue 0…255
 */
public record Rgb(int red, int green, int blue) {
  /**
   * Checks each.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public Rgb {
    require("red", red);
    require("green", green);
    require("blue", blue);
  }

  private static void require(String name, int value) {
    if (value < 0 || value > 255) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 to 255");
    }
  }

  static Rgb of(int hex) {
    return new Rgb(hex >> 16, hex >> 8 & 0xFF, hex & 0xFF);
  }

  /** As in a style sheet, for example {@code #0067a8}. */
  public String hex() {
    return String.format(Locale.ROOT, "#%02x%02x%02x", red, green, blue);
  }

  /** The relative luminance, 0…1 (WCAG 2.2). */
  public double luminance() {
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  }

  /** The contrast of text in one colour on the other, 1…21 (WCAG 2.2); 4.5 is enough for any. */
  public double contrast(Rgb other) {
    double one = luminance();
    double two = Required.present("other", other).luminance();
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  }

  private static double linear(int channel) {
    double part = channel / 255.0;
    return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
  }

  /** Between this colour, at 0, and {@code other}, at 1. */
  Rgb towards(Rgb other, double fraction) {
    return new Rgb(
        between(red, other.red, fraction),
        between(green, other.green, fraction),
        between(blue, other.blue, fraction));
  }

  private static int between(int from, int to, double fraction) {
    return (int) Math.round(from + (to - from) * fraction);
  }
}
