package dev.sequor.spark;

import dev.sequor.backend.BackendUnavailableException;
import java.io.Serializable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What comes of one worker's share of a round, or why nothing did.
 *
 * @param worker from 0
 * @param vectors the gradient; or the changes of the parameters, and each of the new moments; none
 *     if there was nothing to learn from, or that failed
 * @param lossSum of its predictions
 * @param predictions that counted
 * @param weight of these
 * @param skipped steps whose gradient was not finite
 * @param carriedState of its streams
 * @param nanos that it took
 * @param failure in one line
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
record ShareResult(
    int worker,
    float[][] vectors,
    double lossSum,
    long predictions,
    double weight,
    long skipped,
    List<WorkerTensor> carriedState,
    long nanos,
    @Nullable Failure failure)
    implements Serializable {

  /** Kinds of failures that are the same however often the task is run again. */
  enum Kind {
    BAD_INPUT,
    NO_DEVICE,
    DIVERGED
  }

  /**
   * A failure that no other attempt would mend.
   *
   * @param kind of it
   * @param message in one line
   * @param step at which the training diverged, or 0
   */
  record Failure(Kind kind, String message, long step) implements Serializable {
    RuntimeException exception() {
      return switch (kind) {
        case BAD_INPUT -> new IllegalArgumentException(message);
        case NO_DEVICE -> new BackendUnavailableException(message);
        case DIVERGED -> new dev.sequor.model.DivergedException(step, message);
      };
    }
  }

  static ShareResult nothing(int worker) {
    return new ShareResult(worker, new float[0][], 0, 0, 0, 0, List.of(), 0, null);
  }

  static ShareResult failed(int worker, Failure failure) {
    return new ShareResult(worker, new float[0][], 0, 0, 0, 0, List.of(), 0, failure);
  }
}
