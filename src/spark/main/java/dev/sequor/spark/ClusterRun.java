package dev.sequor.spark;

/**
 * What the weights of a training on a cluster depend on beyond what a checkpoint holds; kept beside
 * it as JSON.
 *
 * @param version of this form
 * @param workers among which a batch is divided
 * @param batchSize of all of them together
 * @param localSteps between two averages; 1 where gradients are averaged
 * @param outerLearningRate of the mean change
 * @param outerMomentum of the mean change
 * @param schedule of the learning rate, by its name
 * @param scheduledSteps that it is stretched over; 0 for the constant one
 * @param data a fingerprint of it
 * @param rounds completed
 */
record ClusterRun(
    int version,
    int workers,
    int batchSize,
    int localSteps,
    float outerLearningRate,
    float outerMomentum,
    String schedule,
    long scheduledSteps,
    String data,
    long rounds) {
  static final int VERSION = 1;

  /** The same after so many rounds. */
  ClusterRun after(long completed) {
    return with(scheduledSteps, completed);
  }

  /** The same with a schedule that is stretched over so many steps. */
  ClusterRun scheduledOver(long steps) {
    return with(steps, rounds);
  }

  private ClusterRun with(long steps, long completed) {
    return new ClusterRun(
        version,
        workers,
        batchSize,
        localSteps,
        outerLearningRate,
        outerMomentum,
        schedule,
        steps,
        data,
        completed);
  }

  /**
   * Refuses to go on as something else: the weights would not be those of a training that was never
   * stopped.
   *
   * @throws IllegalArgumentException naming the first that differs
   */
  void requireSame(String folder, ClusterRun wanted) {
    require(folder, "workers", workers, wanted.workers);
    require(folder, "batchSize", batchSize, wanted.batchSize);
    require(folder, "localSteps", localSteps, wanted.localSteps);
    require(folder, "outerLearningRate", outerLearningRate, wanted.outerLearningRate);
    require(folder, "outerMomentum", outerMomentum, wanted.outerMomentum);
    require(folder, "schedule", schedule, wanted.schedule);
    require(folder, "scheduledSteps", scheduledSteps, wanted.scheduledSteps);
    if (!data.equals(wanted.data)) {
      throw new IllegalArgumentException(
          "the training in '" + folder + "' learned from other data; needed the same to go on");
    }
  }

  private static void require(String folder, String name, Object known, Object wanted) {
    if (!known.equals(wanted)) {
      throw new IllegalArgumentException(
          name
              + " is "
              + wanted
              + "; the training in '"
              + folder
              + "' has "
              + known
              + ", and goes on with that only");
    }
  }
}
