package dev.sequor.serve;

/**
 * Is told of what a {@link Predictor} does, on the predictor's own thread: whoever takes long here
 * keeps all callers waiting. What it throws is logged and otherwise passed over.
 */
public interface PredictorListener {
  /**
   * A request has been answered.
   *
   * @param waitedNanos from when it was made until its batch began, in nanoseconds
   * @param computedNanos from then until its answer was there, in nanoseconds
   * @param batchSize sequences of its batch, itself included
   */
  void answered(long waitedNanos, long computedNanos, int batchSize);

  /**
   * A batch could not be computed; each of its senders gets the cause.
   *
   * @param batchSize its sequences
   */
  void failed(int batchSize, Throwable cause);
}
