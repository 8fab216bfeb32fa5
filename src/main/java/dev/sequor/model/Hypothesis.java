package dev.sequor.model;

/**
 * One sequence that a search has found.
 *
 * @param tokens without the end token
 * @param ended whether the end token follows; if not, the search was at its longest
 * @param logProbability the sum of the logarithms of its tokens' probabilities, the end token's
 *     included, in nats
 * @param score that, divided by the length penalty; see {@link BeamSearch}
 */
@SuppressWarnings("ArrayRecordComponent") // handed over
public record Hypothesis(int[] tokens, boolean ended, double logProbability, double score) {}
