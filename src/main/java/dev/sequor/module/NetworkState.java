package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The states that a network carries from one window of {@code B} streams to the next, of all nodes
 * that carry one: both the initial and the final states of a pass.
 */
public final class NetworkState implements AutoCloseable {
  private final int batchSize;
  private final Buffer values;
  private final Map<String, Buffer> slices = new LinkedHashMap<>();

  /**
   * Zero states for {@code batchSize} streams.
   *
   * @throws IllegalArgumentException if {@code batchSize} is less than 1, or the network carries no
   *     state
   */
  public NetworkState(Backend backend, Network network, int batchSize) {
    Sizes.atLeastOne("batchSize", batchSize);
    Required.present("backend", backend);
    Map<String, ValueShape.State> states = Required.present("network", network).carriedStates();
    if (states.isEmpty()) {
      throw new IllegalArgumentException(
          "the network carries no state; needed a stack of one direction that is given none");
    }
    this.batchSize = batchSize;
    long elements = 0;
    for (ValueShape.State state : states.values()) {
      elements += state.elements(1, batchSize);
    }
    this.values = backend.allocate(DType.FLOAT32, elements);
    long from = 0;
    for (Map.Entry<String, ValueShape.State> state : states.entrySet()) {
      long count = state.getValue().elements(1, batchSize);
      slices.put(state.getKey(), values.slice(from, count));
      from += count;
    }
  }

  /** {@code B}. */
  public int batchSize() {
    return batchSize;
  }

  /** All states, one node's after the other's. */
  public Buffer values() {
    return values;
  }

  /** The state {@code [blocks,S,B,H]} of a node; null if it carries none. */
  public @Nullable Buffer of(String node) {
    return slices.get(Required.present("node", node));
  }

  /** The states by the names of their nodes. */
  public Map<String, Buffer> byNode() {
    return Collections.unmodifiableMap(slices);
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
