package dev.sequor.spark;

import dev.sequor.model.TrainerProgress;

/** Where in the data a training is, which on a cluster the driver keeps. */
final class Progress {
  private Progress() {}

  /** The same counts at another place. */
  static TrainerProgress at(TrainerProgress of, long epoch, long position, int carriedBatchSize) {
    return new TrainerProgress(
        of.seed(),
        of.steps(),
        of.updates(),
        of.skippedSteps(),
        of.consecutiveSkippedSteps(),
        epoch,
        position,
        carriedBatchSize);
  }
}
