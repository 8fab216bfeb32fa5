package dev.sequor.backend;

/**
 * Which inputs {@code [T,B]} of a decoder are given ones and which its own predictions (scheduled
 * sampling, Bengio et al. 2015). Step 0 is always given; step {@code t} is given where random
 * number {@code t·B + b}, of 24 bits, is below a threshold, and otherwise what was predicted at
 * {@code t−1}. Past a sequence's end, where a negative number is given, that stays. {@code T·B} is
 * at most 2²⁹−1.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param vocabularySize of both
 */
public record TokenMix(int timeSteps, int batchSize, int vocabularySize) {
  /** The threshold that always takes what is given. */
  public static final int ALWAYS = 1 << 24;

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public TokenMix {
    Sizes.atLeastOne("timeSteps", timeSteps);
    Sizes.atLeastOne("batchSize", batchSize);
    Sizes.atLeastOne("vocabularySize", vocabularySize);
    Sizes.product("timeSteps · batchSize", Sizes.MOST_DECODED, timeSteps, batchSize);
  }

  /** {@code T·B}. */
  public int elements() {
    return timeSteps * batchSize;
  }

  @Override
  public String toString() {
    return "a mix of tokens with T=" + timeSteps + " B=" + batchSize;
  }
}
