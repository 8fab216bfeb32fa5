package dev.sequor.picture;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

/**
 * An axis: which values it has room for, and which of them are marked.
 *
 * @param least the value at its beginning
 * @param most the value at its end, above {@code least}
 */
record Axis(AxisScale scale, double least, double most) {
  /** Larger values are refused, so that no difference of two overflows. */
  static final double MOST_VALUE = 1e300;

  private static final double SMALLEST_LOG = 1e-300;

  /** Ends are at least this far apart, relative to the larger, so that marks differ. */
  private static final double CLOSEST = 1e-9;

  private static final double CLOSEST_TO_ZERO = 1e-290;
  private static final int MOST_TICKS = 8;
  private static final int FEWEST_TICKS = 3;
  private static final int[] NICE = {1, 2, 5};
  private static final double FEW_DECADES = 10;
  private static final double NARROWEST_RATIO = 1.25;

  /**
   * An axis for values from {@code least} to {@code most}, wider where these are too close to tell
   * apart.
   *
   * @param hasRoom whether there is to be some around the values
   */
  static Axis of(AxisScale scale, double least, double most, boolean hasRoom) {
    return scale == AxisScale.LOGARITHMIC
        ? logarithmic(Math.max(SMALLEST_LOG, least), Math.max(SMALLEST_LOG, most), hasRoom)
        : linear(scale, least, most, hasRoom);
  }

  private static Axis logarithmic(double least, double most, boolean hasRoom) {
    double logs = Math.log(most) - Math.log(least);
    double room = Math.max(NARROWEST_RATIO, Math.exp(0.06 * logs));
    return hasRoom || logs < Math.log(NARROWEST_RATIO)
        ? new Axis(
            AxisScale.LOGARITHMIC, Math.max(least / room, 1e-305), Math.min(most * room, 1e305))
        : new Axis(AxisScale.LOGARITHMIC, least, most);
  }

  private static Axis linear(AxisScale scale, double least, double most, boolean hasRoom) {
    double larger = Math.max(Math.abs(least), Math.abs(most));
    double closest = Math.max(larger * CLOSEST, CLOSEST_TO_ZERO);
    double low = least;
    double high = most;
    if (scale == AxisScale.INTEGER) {
      low = Math.floor(low);
      high = Math.ceil(high);
      closest = Math.max(Math.ceil(closest), 2);
    } else if (high - low < closest && larger > CLOSEST_TO_ZERO) {
      closest = larger * 0.2; // One value: its neighbourhood rather than its last digits.
    }
    if (high - low < closest) {
      double missing = closest - (high - low);
      // A count of 0 stays at the beginning of its axis, and so does any other small one.
      double below =
          scale == AxisScale.INTEGER
              ? Math.min(Math.floor(missing / 2), Math.max(0, low))
              : missing / 2;
      low -= below;
      high += missing - below;
    } else if (hasRoom) {
      double room = (high - low) * 0.05;
      low = low >= 0 && low < room ? 0 : low - room;
      high += room;
    }
    return new Axis(scale, low, high);
  }

  /** Where a value is, from 0 at the beginning to 1 at the end. */
  double at(double value) {
    return scale == AxisScale.LOGARITHMIC
        ? (Math.log(value) - Math.log(least)) / (Math.log(most) - Math.log(least))
        : (value - least) / (most - least);
  }

  /** What is marked, rising: 3 to 8 round values. */
  List<BigDecimal> ticks() {
    if (scale != AxisScale.LOGARITHMIC) {
      return multiples();
    }
    List<BigDecimal> powers = powers(1, NICE);
    if (most / least < FEW_DECADES) {
      return powers.size() >= FEWEST_TICKS ? powers : multiples();
    }
    for (int stride = 1; powers.size() > MOST_TICKS; stride++) {
      powers = powers(stride, 1);
    }
    return powers;
  }

  /** What stands at {@link #ticks()}. */
  List<String> labels() {
    return scale == AxisScale.LOGARITHMIC ? TickLabels.of(ticks()) : TickLabels.alike(ticks());
  }

  /** The values of thin lines, rising: {@link #ticks()}, and on a logarithmic axis more. */
  List<BigDecimal> lines() {
    if (scale != AxisScale.LOGARITHMIC) {
      return ticks();
    }
    double decades = Math.log10(most) - Math.log10(least);
    return decades <= 3
        ? powers(1, 1, 2, 3, 4, 5, 6, 7, 8, 9)
        : decades <= 6 ? powers(1, NICE) : ticks();
  }

  /** Multiples of 1, 2 or 5 times a power of ten, as many as there may be. */
  private List<BigDecimal> multiples() {
    BigDecimal low = new BigDecimal(least);
    BigDecimal high = new BigDecimal(most);
    int exponent = (int) Math.floor(Math.log10((most - least) / MOST_TICKS)) - 1;
    for (int power = scale == AxisScale.INTEGER ? Math.max(0, exponent) : exponent; ; power++) {
      for (int digit : NICE) {
        BigDecimal step = BigDecimal.valueOf(digit).scaleByPowerOfTen(power);
        BigDecimal first = low.divide(step, 0, RoundingMode.CEILING);
        BigDecimal last = high.divide(step, 0, RoundingMode.FLOOR);
        if (last.subtract(first).compareTo(BigDecimal.valueOf(MOST_TICKS - 1)) <= 0) {
          List<BigDecimal> ticks = new ArrayList<>();
          for (BigDecimal i = first; i.compareTo(last) <= 0; i = i.add(BigDecimal.ONE)) {
            ticks.add(i.multiply(step));
          }
          return ticks;
        }
      }
    }
  }

  /** {@code digits} times powers of ten whose exponents are multiples of {@code stride}. */
  private List<BigDecimal> powers(int stride, int... digits) {
    BigDecimal low = new BigDecimal(least);
    BigDecimal high = new BigDecimal(most);
    List<BigDecimal> values = new ArrayList<>();
    int first = Math.floorDiv((int) Math.floor(Math.log10(least)) - 1, stride) * stride;
    int last = (int) Math.ceil(Math.log10(most)) + 1;
    for (int power = first; power <= last; power += stride) {
      for (int digit : digits) {
        BigDecimal value = BigDecimal.valueOf(digit).scaleByPowerOfTen(power);
        if (value.compareTo(low) >= 0 && value.compareTo(high) <= 0) {
          values.add(value);
        }
      }
    }
    return values;
  }
}
