package dev.sequor.fit;

/**
 * Where a fit is after some steps.
 *
 * @param step of the trainer
 * @param lastStep the one at which the fit is complete
 * @param epoch epochs completed
 * @param loss mean training loss of the last step
 * @param meanLoss mean over the steps since the last validation, or since the fit began
 * @param gradientNorm Euclidean norm of the last step's gradient, before clipping
 * @param learningRate of the last step
 * @param skipped whether the last step's gradient was not finite, so that nothing was updated
 */
public record FitProgress(
    long step,
    long lastStep,
    long epoch,
    double loss,
    double meanLoss,
    double gradientNorm,
    double learningRate,
    boolean skipped) {}
