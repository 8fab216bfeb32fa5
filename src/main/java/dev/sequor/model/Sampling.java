package dev.sequor.model;

import dev.sequor.backend.DrawShape;

/**
 * How the next token is drawn from a model's softmax. The filters work in this order: repetition
 * penalty, temperature, top-k, top-p of what that left, min-p of what that left.
 *
 * @param temperature divides the logits; 0 takes the most likely token
 * @param topK keep only the {@code k} most likely tokens; 0 keeps all, and so does more than there
 *     are
 * @param topP of these, keep the fewest most likely tokens whose probabilities reach {@code p}
 *     (nucleus sampling, Holtzman et al. 2020), at least one; 1 keeps all
 * @param minP of these, keep those at least so many times as probable as the likeliest (Nguyen et
 *     al. 2024); 0 keeps all
 * @param repetitionPenalty divides the positive logits of tokens that the sequence, its prime
 *     included, already has, and multiplies the negative ones (Keskar et al. 2019); 1 for none
 * @param seed key of the random numbers: the same seed draws the same tokens on every backend, up
 *     to the rounding of the logits
 */
public record Sampling(
    float temperature, int topK, float topP, float minP, float repetitionPenalty, long seed) {
  /** Without min-p and repetition penalty. */
  public Sampling(float temperature, int topK, float topP, long seed) {
    this(temperature, topK, topP, 0f, 1f, seed);
  }

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public Sampling {
    if (!(temperature >= 0f) || Float.isInfinite(temperature)) {
      throw new IllegalArgumentException(
          "temperature is " + temperature + "; needed a finite number of at least 0");
    }
    if (topK < 0) {
      throw new IllegalArgumentException("topK is " + topK + "; needed at least 0 (0 keeps all)");
    }
    if (!(topP > 0f && topP <= 1f)) {
      throw new IllegalArgumentException("topP is " + topP + "; needed 0 < topP <= 1");
    }
    if (!(minP >= 0f && minP <= 1f)) {
      throw new IllegalArgumentException("minP is " + minP + "; needed 0 <= minP <= 1");
    }
    if (!(repetitionPenalty >= 1f && repetitionPenalty < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "repetitionPenalty is " + repetitionPenalty + "; needed a finite number of at least 1");
    }
  }

  DrawShape shape(int vocabularySize) {
    return new DrawShape(vocabularySize, temperature, topK, topP, minP, repetitionPenalty);
  }

  /** The same with min-p. */
  public Sampling withMinP(float minP) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /** The same with a repetition penalty. */
  public Sampling withRepetitionPenalty(float repetitionPenalty) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /** From the whole distribution. */
  public static Sampling ofTemperature(float temperature, long seed) {
    return new Sampling(temperature, 0, 1f, seed);
  }

  /** Always the most likely token. */
  public static Sampling greedy() {
    return new Sampling(0f, 0, 1f, 0L);
  }
}
