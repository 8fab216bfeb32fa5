package dev.sequor.model;

/**
 * What one training step did.
 *
 * @param step its number, 1 for the first
 * @param loss of the window before the update
 * @param gradientNorm Euclidean norm of the gradient of the mean loss, before clipping
 * @param skipped whether the norm was not finite, so that nothing was updated
 */
public record TrainStep(long step, BatchLoss loss, float gradientNorm, boolean skipped) {}
