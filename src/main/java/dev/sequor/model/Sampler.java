package dev.sequor.model;

import java.util.function.IntPredicate;

/** Writes sequences with a language model. */
@SuppressWarnings("DoNotCallSuggester")
public final class Sampler implements AutoCloseable {
  /**
   * A sampler for {@code model}, which stays the caller's.
   *
   * @throws IllegalArgumentException if the model is bidirectional, does not read tokens, does not
   *     predict one of the same tokens at every step, or has another loss than softmax
   */
  public Sampler(SequenceModel model) {
    throw new UnsupportedOperationException();
  }

  /**
   * Continues {@code prime} by {@code length} tokens.
   *
   * @param prime the tokens to continue, at least one; not part of the result
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token
   */
  public int[] sample(int[] prime, int length, Sampling sampling) {
    throw new UnsupportedOperationException();
  }

  /**
   * Continues {@code prime} until {@code accept}, which gets each token as soon as it is drawn,
   * returns false.
   *
   * @param prime the tokens to continue, at least one
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token
   */
  public void sample(int[] prime, Sampling sampling, IntPredicate accept) {
    throw new UnsupportedOperationException();
  }

  /** Frees the carried state. */
  @Override
  public void close() {}
}
