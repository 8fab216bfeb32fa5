package dev.sequor.serve;

import dev.sequor.data.Values;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** One sequence on its way through a predictor; checked by whoever makes it. */
final class Request {
  /** Of a predictor whose model carries a state: what is carried along with a sequence. */
  static final class Carried {
    /** What the sequence goes on from; null for its start. */
    final float @Nullable [] before;

    /** What the next one goes on from; set before the request is answered. */
    volatile float @Nullable [] after;

    Carried(float @Nullable [] before) {
      this.before = before;
    }
  }

  private final List<Values> inputs;
  private final int[] timeSteps;
  private final @Nullable Carried carried;
  private final long arrived = System.nanoTime();
  private final CompletableFuture<float[]> answer = new CompletableFuture<>();

  /**
   * A sequence that has just arrived.
   *
   * @param inputs in the order of the network's
   * @param timeSteps along each time axis, in the order of {@link RequestShape#axes()}
   * @param carried null for a sequence that stands alone
   */
  Request(List<Values> inputs, int[] timeSteps, @Nullable Carried carried) {
    this.inputs = List.copyOf(inputs);
    this.timeSteps = timeSteps;
    this.carried = carried;
  }

  List<Values> inputs() {
    return inputs;
  }

  /** Steps along the time axis of that number. */
  int timeSteps(int axis) {
    return timeSteps[axis];
  }

  @Nullable Carried carried() {
    return carried;
  }

  /** Whether it goes on from a state, and does not start anew. */
  boolean goesOn() {
    return carried != null && carried.before != null;
  }

  /** When it was made, in the nanoseconds of {@link System#nanoTime()}. */
  long arrived() {
    return arrived;
  }

  /** What its sender waits for. */
  CompletableFuture<float[]> answer() {
    return answer;
  }
}
