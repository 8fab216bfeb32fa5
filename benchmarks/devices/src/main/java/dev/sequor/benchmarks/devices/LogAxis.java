package dev.sequor.benchmarks.devices;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A logarithmic axis of a chart.
 *
 * @param least the value at {@code start}, above 0
 * @param most the value at {@code end}, above {@code least}
 * @param start where the axis begins, in the chart's units
 * @param end where it ends; less than {@code start} for an axis that points up
 */
record LogAxis(double least, double most, double start, double end) {
  /** Up to this ratio of its ends an axis has labels at 2 and 5, too. */
  private static final double FEW_DECADES = 400;

  /** An axis with some room around all of {@code values}. */
  static LogAxis around(List<Double> values, double start, double end) {
    double least = values.stream().filter(v -> v > 0).min(Double::compare).orElse(1.0);
    double most = values.stream().filter(v -> v > 0).max(Double::compare).orElse(1.0);
    double room = Math.max(1.25, Math.pow(most / least, 0.06));
    return new LogAxis(least / room, most * room, start, end);
  }

  /** Where a value is drawn; what lies outside is drawn at the end. */
  double at(double value) {
    double inside = Math.min(most, Math.max(least, value));
    return start + (end - start) * Math.log(inside / least) / Math.log(most / least);
  }

  /** Values with a label. */
  List<Double> ticks() {
    return between(most / least > FEW_DECADES ? new int[] {1} : new int[] {1, 2, 5});
  }

  /** Values with a thin line. */
  List<Double> lines() {
    return between(
        most / least > FEW_DECADES ? new int[] {1, 2, 5} : new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
  }

  private List<Double> between(int... digits) {
    List<Double> values = new ArrayList<>();
    int first = (int) Math.floor(Math.log10(least));
    int last = (int) Math.ceil(Math.log10(most));
    for (int decade = first; decade <= last; decade++) {
      for (int digit : digits) {
        double value = BigDecimal.valueOf(digit).scaleByPowerOfTen(decade).doubleValue();
        if (value >= least && value <= most) {
          values.add(value);
        }
      }
    }
    return values;
  }

  /** Three digits, without exponents: 0.05, 1,200. */
  static String label(double value) {
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(3)).stripTrailingZeros();
    return rounded.compareTo(BigDecimal.valueOf(1000)) >= 0
        ? String.format(Locale.ROOT, "%,d", rounded.longValue())
        : rounded.toPlainString();
  }
}
