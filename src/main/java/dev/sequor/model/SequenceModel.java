package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.data.Window;
import dev.sequor.rnn.RnnState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A sequence model on one backend: its parameters in one flat buffer, and the memory of the batches
 * it has seen lately. Not safe for use by several threads at once.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class SequenceModel implements AutoCloseable {
  /**
   * A model with initial weights drawn from {@code seed}, see {@link dev.sequor.rnn.Initializer}.
   *
   * @param backend stays the caller's
   */
  public SequenceModel(Backend backend, SequenceModelSpec spec, long seed) {
    throw new UnsupportedOperationException();
  }

  /** What this model is. */
  public SequenceModelSpec spec() {
    throw new UnsupportedOperationException();
  }

  /** Where its tensors lie. */
  public ModelLayout layout() {
    throw new UnsupportedOperationException();
  }

  /** The backend it runs on. */
  public Backend backend() {
    throw new UnsupportedOperationException();
  }

  /** The flat parameters, laid out by {@link #layout()}. */
  public Buffer parameters() {
    throw new UnsupportedOperationException();
  }

  /** A zero state for {@code batchSize} streams; the caller closes it. */
  public RnnState newState(int batchSize) {
    throw new UnsupportedOperationException();
  }

  /** A copy of every tensor, in the order of {@link ModelLayout#regions()}. */
  public List<NamedTensor> tensors() {
    throw new UnsupportedOperationException();
  }

  /**
   * Replaces every tensor.
   *
   * @throws IllegalArgumentException if one is missing, unknown, of another shape, or not finite;
   *     nothing has changed then
   */
  public void load(List<NamedTensor> tensors) {
    throw new UnsupportedOperationException();
  }

  /**
   * The outputs for tokens, in inference (no dropout).
   *
   * @param tokens {@code [T,B]}, time-major; those past a sequence's end are not looked at
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
   * @param state the state to start from, replaced by the state of each sequence at its end; null
   *     to start from zero
   * @return {@code [T,B,N]}, or {@code [B,N]} if only the last step is read out: the model's own
   *     memory, good until its next use
   * @throws IllegalArgumentException naming the first argument that does not fit
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      int[] tokens,
      int @Nullable [] lengths,
      @Nullable RnnState state) {
    throw new UnsupportedOperationException();
  }

  /**
   * The outputs for real vectors {@code [T,B,I]}; otherwise as {@link #forward(int, int, int[],
   * int[], RnnState)}.
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      float[] vectors,
      int @Nullable [] lengths,
      @Nullable RnnState state) {
    throw new UnsupportedOperationException();
  }

  /**
   * The loss of a window, in inference (no dropout).
   *
   * @param state as for forward; zeroed first if the window says so
   */
  public BatchLoss loss(Window window, @Nullable RnnState state) {
    throw new UnsupportedOperationException();
  }

  /** Frees parameters, plans and batch memory. */
  @Override
  public void close() {}
}
