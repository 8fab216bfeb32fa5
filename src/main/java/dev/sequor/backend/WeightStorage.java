package dev.sequor.backend;

import java.util.Locale;

/**
 * How a plan for inference keeps the matrices {@code W} and {@code R}. Everything else, biases,
 * peepholes, states, sums, is float32 in any case, and so are the parameters that the caller gave:
 * the plan rounds its own copy. With few sequences a step takes as long as reading the weights, so
 * smaller ones are faster.
 */
public enum WeightStorage {
  /** As given. */
  FLOAT32,
  /**
   * The upper half of a float32, rounded to nearest with ties to even: 8 bits of precision, the
   * same range. Half the memory.
   */
  BFLOAT16,
  /**
   * {@code round(w / s)} with {@code s = max|w| / 127} over each row of a matrix, that is, over all
   * that one gate of one unit sees. A quarter of the memory. A row with a weight that is not finite
   * gives NaN. Refused where products multiply bfloat16 ({@code bf16}), for these multiply float32.
   */
  INT8;

  /** The name used on the command line: {@code float32}, {@code bfloat16}, {@code int8}. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
