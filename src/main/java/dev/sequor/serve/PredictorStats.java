package dev.sequor.serve;

/**
 * What a {@link Predictor} has done so far.
 *
 * @param answered requests
 * @param failed requests whose batch could not be computed
 * @param batches computed; {@code answered / batches} is how many sequences one has
 * @param waiting requests that wait now
 * @param waitedNanos the sum of the times that answered requests waited for their batch to begin
 * @param computedNanos the sum of the times that batches took
 */
public record PredictorStats(
    long answered, long failed, long batches, int waiting, long waitedNanos, long computedNanos) {}
