package dev.sequor.backend;

/**
 * How a token is drawn from logits {@code [V]}.
 *
 * @param vocabularySize {@code V}
 * @param temperature divides the logits; 0 takes the likeliest token
 * @param topK keep only that many of the likeliest tokens; 0 keeps all, and so does more than there
 *     are
 * @param topP of these, keep the fewest likeliest tokens whose probabilities reach it (nucleus
 *     sampling, Holtzman et al. 2020), at least one; 1 keeps all
 */
public record DrawShape(int vocabularySize, float temperature, int topK, float topP) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public DrawShape {
    Sizes.atLeastOne("vocabularySize", vocabularySize);
    if (!(temperature >= 0f && temperature < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "temperature is " + temperature + "; needed a number of at least 0");
    }
    if (topK < 0) {
      throw new IllegalArgumentException("topK is " + topK + "; needed at least 0");
    }
    if (!(topP > 0f && topP <= 1f)) {
      throw new IllegalArgumentException("topP is " + topP + "; needed 0 < topP <= 1");
    }
  }

  /** How many tokens {@link #topK} keeps. */
  public int tokensKept() {
    return topK == 0 ? vocabularySize : Math.min(topK, vocabularySize);
  }

  /** Whether it matters which tokens are likelier than which. */
  public boolean needsOrder() {
    return temperature > 0f && (tokensKept() < vocabularySize || topP < 1f);
  }

  @Override
  public String toString() {
    return "a draw from " + vocabularySize + " tokens";
  }
}
