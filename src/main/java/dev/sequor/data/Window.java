package dev.sequor.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A padded, time-major batch: {@code B} sequences, or the next {@code T} steps of {@code B}
 * streams, with what is to be predicted. Implementations hand their arrays over without copying;
 * nobody may change them while the window is in use.
 */
public sealed interface Window permits TokenWindow, SeriesWindow, ParallelWindow, WindowWithMore {
  /** {@code T}, the padded length. */
  int timeSteps();

  /** {@code B}. */
  int batchSize();

  /** Tokens {@code [T,B]} or vectors {@code [T,B,I]}; entries past a sequence's end are unused. */
  Values inputValues();

  /**
   * Tokens {@code [T,B]} or vectors {@code [T,B,N]}; for models that read out the last step only,
   * {@code [B]} or {@code [B,N]}; for models that bring the time axis of their outputs themselves,
   * the same with the steps of that in the place of {@code T}, all of which count. Entries past a
   * sequence's end are unused, and a negative token means "no target here". For losses without
   * alignment {@link Values.Labels}, one sequence of labels a sequence.
   */
  Values targetValues();

  /** {@code [B]}, each 0…T, in any order; null when every sequence has T steps. */
  int @Nullable [] lengths();

  /**
   * Whether the sequences start here, from a zero state; otherwise they continue those of the
   * window before.
   */
  boolean resetState();

  /**
   * Steps from the beginning of this window to that of the next one of the same streams: {@link
   * #timeSteps()}, or fewer where windows overlap. The next window then starts from the state that
   * its streams have after so many steps of this one.
   */
  default int advance() {
    return timeSteps();
  }

  /** The same, but the next one begins after {@code advance} steps of it. */
  default Window overlapping(int advance) {
    return new OverlappingWindow(this, advance);
  }

  /**
   * How often each target counts, {@code [T,B]} or, of whole sequences, {@code [B]}: the loss of a
   * window is {@code Σ w·loss / Σ w}. Null if all count once. Weights past a sequence's end are
   * unused.
   */
  default float @Nullable [] weights() {
    return null;
  }

  /** The same with {@link #weights()}. */
  default Window weighted(float... weights) {
    return new WeightedWindow(this, weights);
  }

  /**
   * What one input of a model is given.
   *
   * @param input its name; {@code ""} stands for the only one
   * @param timeSteps {@code T}, the padded length along its time axis
   * @param values tokens {@code [T,B]} or vectors {@code [T,B,I]}
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps, or where another
   *     input brings the time axis
   */
  @SuppressWarnings("ArrayRecordComponent") // Windows are large and short-lived: no copies.
  record Part(String input, int timeSteps, Values values, int @Nullable [] lengths) {}

  /** What every input of a model is given. */
  default List<Part> parts() {
    return List.of(new Part("", timeSteps(), inputValues(), lengths()));
  }
}
