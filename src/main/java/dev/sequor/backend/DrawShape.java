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
  /** How many tokens {@link #topK} keeps. */
  public int tokensKept() {
    return topK == 0 ? vocabularySize : Math.min(topK, vocabularySize);
  }

  /** Whether it matters which tokens are likelier than which. */
  public boolean needsOrder() {
    return temperature > 0f && (tokensKept() < vocabularySize || topP < 1f);
  }
}
