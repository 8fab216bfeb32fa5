package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.RnnSpec;

/**
 * The state that a stack carries from one window of {@code B} streams to the next: {@code
 * [L·D,S,B,H]}, block {@code layer·D + direction}, then {@code h} (and {@code c}).
 */
public final class RnnState implements AutoCloseable {
  private final int batchSize;
  private final Buffer values;

  /** A zero state for {@code batchSize} streams. */
  RnnState(Backend backend, RnnSpec spec, int batchSize) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize is " + batchSize + "; needed at least 1");
    }
    this.batchSize = batchSize;
    this.values = backend.allocate(DType.FLOAT32, spec.stateElements(batchSize));
  }

  /** {@code B}. */
  public int batchSize() {
    return batchSize;
  }

  /** The memory, {@code [L·D,S,B,H]}: both the initial and the final state of a forward pass. */
  public Buffer values() {
    return values;
  }

  /** Starts new sequences. */
  public void zero() {
    values.requireOpen();
    values.backend().fill(values, 0f);
  }

  /** Frees the memory. */
  @Override
  public void close() {
    values.close();
  }
}
