package dev.sequor.model;

import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;

/**
 * Trains a model by back-propagation through time: full BPTT on batches whose windows all reset the
 * state, truncated BPTT on contiguous streams whose windows carry it (the state's value is handed
 * on, its gradient is not).
 *
 * <p>Its state, {@link #snapshot()}, is all that a resumed run needs to continue bit for bit on the
 * same backend.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class Trainer implements AutoCloseable {
  /**
   * A trainer at its first step.
   *
   * @param model stays the caller's
   * @param seed key of the dropout bits
   */
  public Trainer(SequenceModel model, Optimizer optimizer, Clipping clipping, long seed) {
    throw new UnsupportedOperationException();
  }

  /**
   * One update from the next window of {@code source}: the one after the last that this trainer (or
   * the one it was restored from) learned from.
   *
   * @throws IllegalStateException if the gradient was not finite too many times in a row
   */
  public TrainStep step(WindowSource source) {
    throw new UnsupportedOperationException();
  }

  /**
   * One update from {@code window}; {@link #progress()}'s epoch and position stay.
   *
   * @throws IllegalArgumentException if the window does not fit the model, has no target, or
   *     continues streams that this trainer does not carry
   * @throws IllegalStateException if the gradient was not finite too many times in a row
   */
  public TrainStep step(Window window) {
    throw new UnsupportedOperationException();
  }

  /** The counters, position and seed. */
  public TrainerProgress progress() {
    throw new UnsupportedOperationException();
  }

  /** Takes another learning rate from the next step on. */
  public void learningRate(float learningRate) {
    throw new UnsupportedOperationException();
  }

  /** A copy of everything that the next step depends on, apart from configuration and data. */
  public TrainerSnapshot snapshot() {
    throw new UnsupportedOperationException();
  }

  /**
   * Becomes what the trainer was when it made {@code snapshot}.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, of another shape, or not
   *     finite; nothing has changed then
   */
  public void restore(TrainerSnapshot snapshot) {
    throw new UnsupportedOperationException();
  }

  /** Frees moments and carried state. */
  @Override
  public void close() {}
}
