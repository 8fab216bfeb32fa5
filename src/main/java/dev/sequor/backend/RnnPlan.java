package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * A recurrent stack prepared for one {@link RnnShape} and {@link Mode}: scratch memory and packed
 * weights, ready to run any number of times. Neither pass allocates. Made by {@link Backend#plan};
 * closing the backend closes its plans. Used by the thread that owns the backend only.
 */
public final class RnnPlan implements AutoCloseable {
  private static final int SAVED_ALIGNMENT = 4;

  private final Backend backend;
  private final RnnShape shape;
  private final Mode mode;
  private final EnginePlan plan;
  private final Held.Lease lease;
  private final long savedElements;
  private final long parameterElements;

  /** What needs buffers, for messages. */
  private final String purpose;

  private final String parametersPurpose;

  /** Tensors that were checked before: only what may have been closed is looked at again. */
  private @Nullable RnnTensors checked;

  /** Their memory. */
  private @Nullable PlanTensors memory;

  RnnPlan(Backend backend, RnnShape shape, Mode mode, EnginePlan plan, Held.Lease lease) {
    this.backend = backend;
    this.shape = shape;
    this.mode = mode;
    this.plan = plan;
    this.lease = lease;
    this.savedElements = plan.savedElements();
    this.parameterElements = shape.parameterLayout().totalElements();
    this.purpose = shape.describe(mode);
    this.parametersPurpose =
        shape.cell()
            + " with L="
            + shape.layers()
            + " D="
            + shape.directions()
            + " I="
            + shape.inputSize()
            + " H="
            + shape.hiddenSize();
  }

  /** What it was prepared for. */
  public RnnShape shape() {
    return shape;
  }

  /** Elements of {@code saved} that forward keeps for backward; 0 in inference. */
  public long savedElements() {
    return savedElements;
  }

  /** Whether this has been closed. */
  public boolean isClosed() {
    return lease.held().isClosed();
  }

  /**
   * Runs the stack over a whole sequence.
   *
   * <p>{@code x [T,B,I]}, {@code initialState [L·D,S,B,H]} (not modified); {@code y [T,B,D·H]},
   * {@code finalState}, {@code saved [savedElements()]} (overwritten; {@code saved} only in {@link
   * Mode#TRAINING}). Asynchronous: results are ready after {@link Backend#synchronize()} or a
   * download.
   *
   * @throws IllegalArgumentException if a buffer is missing, too short, of the wrong type or of
   *     another backend, if memory that is written is also another argument's, if {@code saved}
   *     does not start at a multiple of 4 elements of its buffer, or if a length is not in 0…T
   * @throws IllegalStateException if a buffer, this plan or its backend is closed, or the calling
   *     thread does not own the backend
   * @throws BackendException if the device fails
   */
  public void forward(RnnTensors tensors) {
    backend.begin();
    try {
      Arguments arguments = backend.arguments();
      arguments.use(lease.held());
      plan.forward(check(arguments, tensors));
      written(arguments, tensors.y());
      written(arguments, tensors.finalState());
      if (mode == Mode.TRAINING) {
        written(arguments, tensors.saved());
      }
    } finally {
      backend.end();
    }
  }

  /**
   * Batched back-propagation through time for the forward pass that filled {@code tensors.saved()}:
   * the same parameters, x, lengths and dropout key. Parameter gradients accumulate; the others are
   * overwritten. The initial state is not read again ({@code saved} holds it), so the final state
   * may have replaced it.
   *
   * @throws IllegalArgumentException as for forward
   * @throws IllegalStateException as for forward, or if this plan is for inference
   * @throws BackendException if the device fails
   */
  public void backward(RnnTensors tensors, RnnGradients gradients) {
    backend.begin();
    try {
      Arguments arguments = backend.arguments();
      arguments.use(lease.held());
      if (mode != Mode.TRAINING) {
        throw new IllegalStateException(
            "backward of a plan for inference; needed one for training");
      }
      PlanTensors memory = check(arguments, tensors);
      Required.present("gradients", gradients);
      arguments
          .of(parametersPurpose)
          .reads("parameters", tensors.parameters(), DType.FLOAT32, parameterElements)
          .writes("dParameters", gradients.dParameters(), DType.FLOAT32, parameterElements)
          .andOf(purpose)
          .reads("x", tensors.x(), DType.FLOAT32, shape.inputElements())
          .reads("saved", tensors.saved(), DType.FLOAT32, savedElements)
          .mayRead("dy", gradients.dy(), DType.FLOAT32, shape.outputElements())
          .mayRead("dFinalState", gradients.dFinalState(), DType.FLOAT32, shape.stateElements())
          .mayWrite("dx", gradients.dx(), DType.FLOAT32, shape.inputElements())
          .mayWrite(
              "dInitialState", gradients.dInitialState(), DType.FLOAT32, shape.stateElements())
          .check();
      requireWhole("dParameters", gradients.dParameters());
      plan.backward(memory, PlanGradients.of(gradients));
      arguments.written();
    } finally {
      backend.end();
    }
  }

  /**
   * Refuses tensors that {@link #forward} would refuse, and does nothing else.
   *
   * @throws IllegalArgumentException as forward does
   * @throws IllegalStateException as forward does
   */
  public void check(RnnTensors tensors) {
    backend.begin();
    try {
      backend.arguments().use(lease.held());
      check(backend.arguments(), tensors);
    } finally {
      backend.end();
    }
  }

  @SuppressWarnings("ReferenceEquality") // An equal one is checked again; the same one is cheap.
  private PlanTensors check(Arguments arguments, @Nullable RnnTensors tensors) {
    RnnTensors t = Required.present("tensors", tensors);
    PlanTensors known = memory;
    if (t == checked && known != null) {
      use(arguments, t.parameters());
      use(arguments, t.x());
      use(arguments, t.lengths());
      use(arguments, t.initialState());
      use(arguments, t.y());
      use(arguments, t.finalState());
      use(arguments, mode == Mode.TRAINING ? t.saved() : null);
      use(arguments, hasDropout() ? t.dropoutKey() : null);
    } else {
      checkAll(arguments, t);
      known = PlanTensors.of(t, mode);
      checked = t;
      memory = known;
    }
    arguments.lengths(t.lengths(), shape.batchSize(), shape.timeSteps());
    return known;
  }

  private boolean hasDropout() {
    return mode == Mode.TRAINING
        && ((shape.dropout() > 0 && shape.layers() > 1) || shape.stack().options().drawNumbers());
  }

  private static void use(Arguments arguments, @Nullable Buffer buffer) {
    if (buffer != null) {
      arguments.use(buffer.held());
    }
  }

  private void checkAll(Arguments arguments, RnnTensors t) {
    arguments
        .of(parametersPurpose)
        .reads("parameters", t.parameters(), DType.FLOAT32, parameterElements)
        .andOf(purpose)
        .reads("x", t.x(), DType.FLOAT32, shape.inputElements())
        .mayRead("lengths", t.lengths(), DType.INT32, shape.batchSize())
        .mayRead("initialState", t.initialState(), DType.FLOAT32, shape.stateElements())
        .writes("y", t.y(), DType.FLOAT32, shape.outputElements())
        .mayWriteOver(
            "initialState", "finalState", t.finalState(), DType.FLOAT32, shape.stateElements());
    if (mode == Mode.TRAINING) {
      arguments.writes("saved", t.saved(), DType.FLOAT32, savedElements);
      requireAligned(t.saved());
    }
    if (hasDropout()) {
      arguments.reads("dropoutKey", t.dropoutKey(), DType.INT32, RandomKey.ELEMENTS);
    }
    arguments.check();
    arguments.noteUses();
    requireWhole("parameters", t.parameters());
  }

  /** Engines keep rows of whole 16-byte words in {@code saved}. */
  private static void requireAligned(@Nullable Buffer saved) {
    long start = saved == null ? 0 : saved.memory().start();
    if (start % SAVED_ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "saved starts at element "
              + start
              + " of its buffer; needed a multiple of "
              + SAVED_ALIGNMENT);
    }
  }

  /** Refuses parameters of another layout. */
  private void requireWhole(String name, Buffer parameters) {
    if (parameters.elements() != parameterElements) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + parameters.elements()
              + " floats; "
              + parametersPurpose
              + " needs "
              + parameterElements);
    }
  }

  private static void written(Arguments arguments, @Nullable Buffer buffer) {
    if (buffer != null) {
      arguments.written(buffer);
    }
  }

  /**
   * Frees scratch memory and packed weights; harmless the second time, or after the backend.
   *
   * @throws IllegalStateException if the calling thread does not own the backend, or is in a step
   */
  @Override
  public void close() {
    backend.close(lease.held());
  }

  @Override
  public String toString() {
    return lease.held().toString();
  }
}
