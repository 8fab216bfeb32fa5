package dev.sequor.spark;

import dev.sequor.model.BatchLoss;

/**
 * What one round did, and what it cost.
 *
 * @param round its number, 1 for the first
 * @param steps updates of the training so far, those of this round included
 * @param epoch epochs completed
 * @param loss of all that the workers learned from in it, each before its updates
 * @param gradientNorm of the whole gradient before clipping where gradients are averaged; of the
 *     mean change of the weights where weights are
 * @param sentBytes what each executor fetched from the driver and the other executors
 * @param returnedBytes what one worker gave back
 * @param computeSeconds of the worker that took longest
 * @param seconds of all of it, as the driver saw it
 */
public record RoundReport(
    long round,
    long steps,
    long epoch,
    BatchLoss loss,
    double gradientNorm,
    long sentBytes,
    long returnedBytes,
    double computeSeconds,
    double seconds) {}
