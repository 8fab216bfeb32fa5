package dev.sequor.exchange.onnx;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * An integer of a graph that says sizes: a number, times sizes that are not known before it runs.
 *
 * @param factor the number
 * @param unknown names of sizes, sorted; a name twice is a square
 */
record Size(long factor, List<String> unknown) {
  /** More than the dimensions of any tensor that is at work. */
  private static final int MOST_UNKNOWN = 16;

  static Size of(long number) {
    return new Size(number, List.of());
  }

  static Size unknown(String name) {
    return new Size(1, List.of(name));
  }

  boolean isKnown() {
    return unknown.isEmpty();
  }

  OptionalLong known() {
    return isKnown() ? OptionalLong.of(factor) : OptionalLong.empty();
  }

  Size times(Size other) {
    List<String> all = new ArrayList<>(unknown);
    all.addAll(other.unknown);
    Collections.sort(all);
    if (all.size() > MOST_UNKNOWN || overflows(factor, other.factor)) {
      throw new IllegalArgumentException(
          "multiplies the sizes " + this + " and " + other + "; needed smaller ones");
    }
    long product = factor * other.factor;
    return new Size(product, product == 0 ? List.of() : List.copyOf(all));
  }

  private static boolean overflows(long a, long b) {
    return Math.multiplyHigh(a, b) != (a * b) >> 63;
  }

  /**
   * The number as one of 32 bits.
   *
   * @throws IllegalArgumentException if it is not known, negative, or larger
   */
  int count() {
    if (!isKnown() || factor < 0 || factor > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "has the size " + this + "; needed a number that is known, from 0 to 2147483647");
    }
    return (int) factor;
  }

  /** The quotient, if it is whole. */
  Optional<Size> dividedBy(Size other) {
    if (other.factor == 0 || factor % other.factor != 0) {
      return Optional.empty();
    }
    List<String> rest = new ArrayList<>(unknown);
    for (String name : other.unknown) {
      if (!rest.remove(name)) {
        return Optional.empty();
      }
    }
    return Optional.of(new Size(factor / other.factor, List.copyOf(rest)));
  }

  @Override
  public String toString() {
    List<String> factors = new ArrayList<>(unknown);
    if (factor != 1 || unknown.isEmpty()) {
      factors.add(0, String.valueOf(factor));
    }
    return String.join("·", factors);
  }
}
