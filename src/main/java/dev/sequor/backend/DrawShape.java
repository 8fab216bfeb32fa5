package dev.sequor.backend;

/**
 * How a token is drawn from logits {@code [V]}. The filters work in this order: repetition penalty,
 * temperature, top-k, top-p of what that left, min-p of what that left.
 *
 * @param vocabularySize {@code V}. A GPU draws from at most 349,525 tokens by top-k or top-p, from
 *     524,288 without, and from any number at temperature 0
 * @param temperature divides the logits; 0 takes the likeliest token
 * @param topK keep only that many of the likeliest tokens; 0 keeps all, and so does more than there
 *     are
 * @param topP of these, keep the fewest likeliest tokens whose probabilities reach it (nucleus
 *     sampling, Holtzman et al. 2020), at least one; 1 keeps all
 * @param minP of these, keep those at least so many times as probable as the likeliest (Nguyen et
 *     al. 2024); 0 keeps all
 * @param repetitionPenalty divides the positive logits of tokens that have been seen and multiplies
 *     the negative ones (Keskar et al. 2019); 1 for none
 */
public record DrawShape(
    int vocabularySize,
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty) {
  /** Without min-p and repetition penalty. */
  public DrawShape(int vocabularySize, float temperature, int topK, float topP) {
    this(vocabularySize, temperature, topK, topP, 0f, 1f);
  }

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
    if (!(minP >= 0f && minP <= 1f)) {
      throw new IllegalArgumentException("minP is " + minP + "; needed 0 <= minP <= 1");
    }
    if (!(repetitionPenalty >= 1f && repetitionPenalty < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "repetitionPenalty is " + repetitionPenalty + "; needed a number of at least 1");
    }
  }

  /** Whether it matters which tokens have been seen. */
  public boolean penalizes() {
    return repetitionPenalty > 1f;
  }

  /** The logit of a token that has been seen. */
  float penalized(float logit) {
    return Math.max(
        logit > 0f ? logit / repetitionPenalty : logit * repetitionPenalty, -Float.MAX_VALUE);
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
