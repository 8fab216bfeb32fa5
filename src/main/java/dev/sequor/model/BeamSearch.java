package dev.sequor.model;

import dev.sequor.backend.Sizes;

/**
 * How a beam search works. Each step takes the {@code K} best continuations of all live hypotheses
 * by their log-probability; those that end leave the beam, which narrows by them, so that {@code K}
 * places give {@code K} hypotheses and a beam of one is greedy decoding. The search is over when no
 * place is left, or after {@code maxLength} steps, when what is live is cut.
 *
 * <p>Hypotheses are ranked by {@code score = log P / ((5 + n) / 6)^lengthPenalty}, where {@code n}
 * counts their tokens and the end token (Wu et al., "Google's neural machine translation system",
 * 2016, equation 14, without coverage), those that ended before those that were cut, equal ones in
 * the order in which they were found. Of equal continuations that of the better hypothesis is
 * taken, and then the token of the smaller number.
 *
 * <p>A beam may be wider than the vocabulary: it fills up as far as there are continuations.
 *
 * @param width {@code K}
 * @param maxLength steps at most, that of the end token included
 * @param lengthPenalty the exponent; 0 ranks by log-probability, more favours longer ones
 */
public record BeamSearch(int width, int maxLength, double lengthPenalty) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public BeamSearch {
    Sizes.atLeastOne("width", width);
    Sizes.atLeastOne("maxLength", maxLength);
    if (!(lengthPenalty >= 0 && lengthPenalty < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "lengthPenalty is " + lengthPenalty + "; needed a finite number of at least 0");
    }
  }

  /** A beam of one. */
  public static BeamSearch greedy(int maxLength) {
    return new BeamSearch(1, maxLength, 0);
  }

  /** The score of {@code length} tokens, the end token among them. */
  public double score(double logProbability, int length) {
    return logProbability / StrictMath.pow((5.0 + length) / 6.0, lengthPenalty);
  }
}
