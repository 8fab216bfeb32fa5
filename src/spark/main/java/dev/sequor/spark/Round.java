package dev.sequor.spark;

import java.io.Serializable;

/**
 * What every worker begins a round with.
 *
 * @param number from 0
 * @param gradients whether workers return the gradient of one window, and update nothing
 * @param epoch of the windows
 * @param position of the first window in it
 * @param rates the learning rate of each step; as many as steps
 * @param steps of the training so far
 * @param updates made in them
 * @param consecutiveSkippedSteps at the end of them
 * @param parameters flat, as the model lays them out
 * @param moments of the optimiser, one array each; none where workers update nothing
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
record Round(
    long number,
    boolean gradients,
    long epoch,
    long position,
    float[] rates,
    long steps,
    long updates,
    long consecutiveSkippedSteps,
    float[] parameters,
    float[][] moments)
    implements Serializable {
  long bytes() {
    return (1L + moments.length) * parameters.length * Float.BYTES;
  }
}
