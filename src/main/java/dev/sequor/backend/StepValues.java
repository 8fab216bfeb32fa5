package dev.sequor.backend;

/**
 * What changes from one training step to the next besides the step's inputs, see {@link
 * Backend#step}.
 *
 * @param dropoutSeed of {@link RnnTensors}
 * @param dropoutOffset of {@link RnnTensors}
 * @param gradientScale of {@link Backend#loss}
 * @param optimizer of {@link Backend#optimizerStep}; its rule is part of the step's key
 */
public record StepValues(
    long dropoutSeed, long dropoutOffset, float gradientScale, OptimizerStep optimizer) {}
