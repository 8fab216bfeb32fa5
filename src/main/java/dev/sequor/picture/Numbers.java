package dev.sequor.picture;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Numbers as SVG takes them, in every locale. */
final class Numbers {
  private static final int DECIMALS = 2;
  private static final double MOST = 1e9;

  private Numbers() {}

  /**
   * At most two decimals, without an exponent.
   *
   * @param name of the number, for the message
   * @throws IllegalArgumentException if it is not finite, or too large for a place in a picture
   */
  static String plain(String name, double value) {
    if (!(Math.abs(value) <= MOST)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed a number between -10^9 and 10^9");
    }
    BigDecimal rounded = BigDecimal.valueOf(value).setScale(DECIMALS, RoundingMode.HALF_UP);
    return rounded.signum() == 0 ? "0" : rounded.stripTrailingZeros().toPlainString();
  }
}
