package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * What changes from one step to the next besides the step's inputs, see {@link Backend#step}.
 *
 * @param dropoutSeed of {@link RnnTensors}, or the seed of {@link Backend#drawToken}
 * @param dropoutOffset of {@link RnnTensors}, or the first number of {@link Backend#drawToken}
 * @param gradientScale of {@link Backend#loss}
 * @param optimizer of {@link Backend#optimizerStep}; its rule is part of the step's key. Null if
 *     there is no update
 */
public record StepValues(
    long dropoutSeed, long dropoutOffset, float gradientScale, @Nullable OptimizerStep optimizer) {
  /** Of a step that draws tokens: they take the numbers from {@code first} on. */
  public static StepValues ofDraws(long seed, long first) {
    return new StepValues(seed, first, 0f, null);
  }
}
