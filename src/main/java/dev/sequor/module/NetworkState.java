package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The states that a network carries from one window of {@code B} streams to the next, of all nodes
 * that carry one: both the initial and the final states of a pass. A node that is given a state,
 * for example a learned one ({@link InitialState}), starts new streams from that; others from zero.
 */
public final class NetworkState implements AutoCloseable {
  /** A mark: the streams of a node start from the state that it is given. */
  public static final int STARTS = 0;

  /** A mark: they go on from the state that is carried. */
  public static final int GOES_ON = 1;

  private final Object identity = new Object();
  private final int batchSize;
  private final Buffer values;
  private final Map<String, Buffer> slices = new LinkedHashMap<>();

  /**
   * Of N nodes that start from a state they are given: N marks, N zeros and N ones; null if there
   * is none. It is memory that says whether a pass starts its streams, so that a step which was
   * recorded may do either.
   */
  private final @Nullable Buffer markMemory;

  private final @Nullable Buffer allMarks;
  private final @Nullable Buffer allStart;
  private final @Nullable Buffer allGoOn;
  private final Map<String, Buffer> marks = new LinkedHashMap<>();

  /**
   * The beginning of {@code batchSize} streams.
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
          "the network carries no state; needed a stack of one direction that is given none, or one"
              + " that depends on no input");
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
    List<String> starting = List.copyOf(network.startingNodes());
    try {
      this.markMemory = starting.isEmpty() ? null : newMarks(backend, starting.size());
    } catch (RuntimeException | Error e) {
      values.close();
      throw e;
    }
    int count = starting.size();
    for (int i = 0; markMemory != null && i < count; i++) {
      marks.put(starting.get(i), markMemory.slice(i, 1));
    }
    this.allMarks = markMemory == null ? null : markMemory.slice(0, count);
    this.allStart = markMemory == null ? null : markMemory.slice(count, count);
    this.allGoOn = markMemory == null ? null : markMemory.slice(2L * count, count);
  }

  private static Buffer newMarks(Backend backend, int nodes) {
    Buffer memory = backend.allocate(DType.INT32, 3L * nodes);
    int[] first = new int[3 * nodes];
    Arrays.fill(first, 2 * nodes, 3 * nodes, GOES_ON);
    memory.write(first);
    return memory;
  }

  /**
   * Stands for this in the keys of {@linkplain Backend#step steps}, which are kept and must not
   * keep this.
   */
  public Object identity() {
    return identity;
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

  /**
   * Whether the next pass starts the streams of a node from the state that it is given: INT32
   * {@code [1]}, {@value #STARTS} or {@value #GOES_ON}; by node, of those alone that are given one.
   * A pass leaves {@value #GOES_ON}. Whoever writes to {@link #values()} writes here too.
   */
  public Map<String, Buffer> marks() {
    return Collections.unmodifiableMap(marks);
  }

  /** All marks {@code [N]}; null if there are none. */
  @Nullable Buffer allMarks() {
    return allMarks;
  }

  private void copyMarks(@Nullable Buffer from) {
    if (allMarks != null && from != null) {
      allMarks.backend().copy(from, allMarks);
    }
  }

  /** Starts new sequences: from the states that nodes are given, otherwise from zero. Queued. */
  public void zero() {
    values.requireOpen();
    values.backend().fill(values, 0f);
    copyMarks(allStart);
  }

  /** A pass has been made. */
  void goOn() {
    copyMarks(allGoOn);
  }

  /**
   * Becomes what {@code other} is, which is of as many streams of the same network. Queued.
   *
   * @throws IllegalArgumentException if it is not
   */
  public void copyFrom(NetworkState other) {
    Required.present("other", other);
    if (other.batchSize != batchSize || !other.marks.keySet().equals(marks.keySet())) {
      throw new IllegalArgumentException(
          "the state carries "
              + other.batchSize
              + " streams of "
              + other.slices.keySet()
              + "; needed "
              + batchSize
              + " of "
              + slices.keySet());
    }
    values.backend().copy(other.values, values);
    copyMarks(other.allMarks);
  }

  /** Frees the memory. */
  @Override
  public void close() {
    values.close();
    if (markMemory != null) {
      markMemory.close();
    }
  }
}
