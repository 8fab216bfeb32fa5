package dev.sequor.picture;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.List;
import java.util.Locale;

/**
 * What stands at the marks of an axis, each exactly its value: plain numbers, or if one of them
 * would be long, a factor and a power of ten.
 */
final class TickLabels {
  private static final int LONGEST = 9;
  private static final String SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  private static final int SHOWN_DIGITS = 4;

  private TickLabels() {}

  /** For marks that are equally far apart: all with as many decimals. */
  static List<String> alike(List<BigDecimal> ticks) {
    int decimals =
        ticks.stream().mapToInt(tick -> tick.stripTrailingZeros().scale()).max().orElse(0);
    return of(ticks, Math.max(0, decimals));
  }

  /** Each as short as it can be. */
  static List<String> of(List<BigDecimal> ticks) {
    return of(ticks, 0);
  }

  private static List<String> of(List<BigDecimal> ticks, int decimals) {
    List<String> plain = ticks.stream().map(tick -> plain(tick, decimals)).toList();
    if (plain.stream().allMatch(each -> each.length() <= LONGEST)) {
      return plain;
    }
    List<String> powers = ticks.stream().map(TickLabels::power).toList();
    return longest(powers) < longest(plain) ? powers : plain;
  }

  private static int longest(List<String> labels) {
    return labels.stream().mapToInt(String::length).max().orElse(0);
  }

  /** For example 0.05, 1,200 or −3. */
  private static String plain(BigDecimal value, int decimals) {
    BigDecimal stripped = value.stripTrailingZeros();
    DecimalFormat format =
        new DecimalFormat("#,##0", DecimalFormatSymbols.getInstance(Locale.ROOT));
    format.setMaximumFractionDigits(Math.max(0, stripped.scale()));
    format.setMinimumFractionDigits(value.signum() == 0 ? 0 : decimals);
    return format.format(stripped).replace('-', '−');
  }

  /** For example 2×10⁶. */
  private static String power(BigDecimal value) {
    if (value.signum() == 0) {
      return "0";
    }
    int exponent = value.precision() - value.scale() - 1;
    String factor = plain(value.scaleByPowerOfTen(-exponent), 0);
    String ten = "10" + superscript(exponent);
    return factor.equals("1") ? ten : factor.equals("−1") ? "−" + ten : factor + "×" + ten;
  }

  private static String superscript(int exponent) {
    StringBuilder raised = new StringBuilder(exponent < 0 ? "⁻" : "");
    for (char digit : String.valueOf(Math.abs(exponent)).toCharArray()) {
      raised.append(SUPERSCRIPTS.charAt(digit - '0'));
    }
    return raised.toString();
  }

  /** A value as words about a point say it: four digits, of a whole number all of them. */
  static String rounded(double value) {
    BigDecimal exact = new BigDecimal(value);
    boolean isCount = exact.stripTrailingZeros().scale() <= 0 && Math.abs(value) < 1e12;
    BigDecimal shown =
        isCount ? exact : exact.round(new MathContext(SHOWN_DIGITS, RoundingMode.HALF_EVEN));
    return of(List.of(shown)).get(0);
  }
}
