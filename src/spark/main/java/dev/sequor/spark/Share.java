package dev.sequor.spark;

import dev.sequor.backend.BatchPart;
import dev.sequor.data.WindowSource;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.NamedTensor;
import java.io.Serializable;
import java.util.List;

/** One worker's share of the data, as it reaches the executor. */
interface Share extends Serializable {
  /** Its windows; called by one task at a time. */
  WindowSource windows(ShareContext context) throws Exception;

  /** The state that its streams carry, of so many; none unless windows continue others. */
  default List<NamedTensor> carriedState() {
    return List.of();
  }

  /** Of all that is in it; the same whenever it is made anew of the same data. */
  default long hash() {
    return 0;
  }

  /** How many streams that are. */
  default int carriedBatchSize() {
    return 0;
  }

  /**
   * Of which training, and which worker.
   *
   * @param runId of the training
   * @param model what is trained, with what its numbers mean
   * @param seed of the training
   * @param worker from 0
   * @param workers how many
   * @param batchSize of all of them together
   */
  record ShareContext(
      String runId, TrainedModel model, long seed, int worker, int workers, int batchSize) {
    /** The first of this worker's sequences of a batch. */
    int first() {
      return BatchPart.first(worker, workers, batchSize);
    }

    /** How many are this worker's. */
    int count() {
      return BatchPart.first(worker + 1, workers, batchSize) - first();
    }
  }
}
