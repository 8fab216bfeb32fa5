package dev.sequor.backend;

/**
 * A loss over a padded, time-major batch of outputs {@code a [T,B,N]}.
 *
 * @param function the loss of one row
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param outputSize {@code N}
 */
public record LossShape(LossFunction function, int timeSteps, int batchSize, int outputSize) {}
