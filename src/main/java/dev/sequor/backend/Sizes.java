package dev.sequor.backend;

import java.math.BigInteger;

/** The ranges of sizes, and products of sizes that cannot overflow. */
public final class Sizes {
  /**
   * The most elements of one tensor: 4 TiB of floats. Far from where sums of a few such numbers, or
   * their bytes, would overflow.
   */
  public static final long MOST_ELEMENTS = 1L << 40;

  /**
   * The most elements that decoding works on at once: of four bytes each, they fit a host buffer.
   */
  static final int MOST_DECODED = Integer.MAX_VALUE / Integer.BYTES;

  private Sizes() {}

  /**
   * Requires a size of at least 1.
   *
   * @throws IllegalArgumentException if it is not
   */
  public static void atLeastOne(String name, long value) {
    atLeast(name, value, 1);
  }

  /**
   * Requires a size of at least {@code least}.
   *
   * @throws IllegalArgumentException if it is not
   */
  public static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least " + least);
    }
  }

  /**
   * The product of sizes that are not negative.
   *
   * @param name of the product, for messages
   * @throws IllegalArgumentException if it is more than {@code most}
   */
  public static long product(String name, long most, long... factors) {
    BigInteger exact = null;
    long product = 1;
    for (long factor : factors) {
      if (exact == null && Math.multiplyHigh(product, factor) == 0 && product * factor >= 0) {
        product *= factor;
      } else {
        exact =
            (exact == null ? BigInteger.valueOf(product) : exact)
                .multiply(BigInteger.valueOf(factor));
      }
    }
    boolean zero = false;
    for (long factor : factors) {
      zero |= factor == 0;
    }
    if (!zero && (exact != null || product > most)) {
      throw new IllegalArgumentException(
          name + " is " + (exact == null ? product : exact) + "; needed at most " + most);
    }
    return zero ? 0 : product;
  }

  /**
   * The elements of a tensor; as {@link #product}.
   *
   * @throws IllegalArgumentException if they are more than {@link #MOST_ELEMENTS}
   */
  public static long elements(String name, long... factors) {
    return product("the number of elements of " + name, MOST_ELEMENTS, factors);
  }
}
