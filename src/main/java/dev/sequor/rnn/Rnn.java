package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A recurrent stack on a backend: the checked way into the engines. Every argument is validated
 * here, once; the plans below only assert. Plans are kept for the shapes seen lately. Not safe for
 * use by several threads at once.
 *
 * <pre>{@code
 * RnnSpec spec = RnnSpec.of(CellType.LSTM, 64, 128);
 * try (Rnn rnn = new Rnn(backend, spec); Parameters parameters = rnn.newParameters(seed)) {
 *   rnn.forward(T, B, Mode.INFERENCE, new RnnTensors(parameters.values(), x, null, null, y, null, null, 0, 0));
 * }
 * }</pre>
 */
public final class Rnn implements AutoCloseable {
  /** Training, evaluation, priming and sampling shapes side by side, and as many again. */
  private static final int PLANS_KEPT = 8;

  private final Backend backend;
  private final RnnSpec spec;
  private final WeightStorage inferenceWeights;
  private final Map<PlanKey, PreparedPlan> plans = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  private record PlanKey(int timeSteps, int batchSize, Mode mode) {}

  /** A plan, and which contents of which lengths buffer it was last checked against. */
  private static final class PreparedPlan {
    final RnnShape shape;
    final Mode mode;
    final RnnPlan plan;
    final ByteBuffer lengths;
    @Nullable Buffer checkedLengths;
    long checkedVersion;

    PreparedPlan(RnnShape shape, Mode mode, RnnPlan plan) {
      this.shape = shape;
      this.mode = mode;
      this.plan = plan;
      this.lengths =
          ByteBuffer.allocateDirect(shape.batchSize() * 4).order(ByteOrder.nativeOrder());
    }

    /** What was asked for, with the sizes that the buffer {@code name} depends on. */
    String describe(String name) {
      return shape.cell()
          + (mode == Mode.TRAINING ? " training" : " inference")
          + " with T="
          + shape.timeSteps()
          + " B="
          + shape.batchSize()
          + (name.equals("x") || name.equals("dx")
              ? " I=" + shape.inputSize()
              : " H=" + shape.hiddenSize());
    }
  }

  /**
   * A stack that runs on {@code backend}, which stays the caller's and must outlive it.
   *
   * @param spec the stack
   */
  public Rnn(Backend backend, RnnSpec spec) {
    this(backend, spec, WeightStorage.FLOAT32);
  }

  /**
   * A stack whose inference keeps its matrices as {@code inferenceWeights} says; training is always
   * float32. Passes in inference and steppers throw {@link IllegalArgumentException} if the backend
   * cannot keep them so.
   */
  public Rnn(Backend backend, RnnSpec spec, WeightStorage inferenceWeights) {
    this.backend = backend;
    this.spec = spec;
    this.inferenceWeights = inferenceWeights;
  }

  /** The stack. */
  public RnnSpec spec() {
    return spec;
  }

  /** Where it runs. */
  public Backend backend() {
    return backend;
  }

  /** New parameters with initial weights drawn from {@code seed}; the caller closes them. */
  public Parameters newParameters(long seed) {
    Parameters parameters = Parameters.allocate(backend, spec.parameterLayout());
    new Initializer(seed).initialize(parameters);
    return parameters;
  }

  /**
   * A zero state for {@code batchSize} streams; the caller closes it.
   *
   * @throws IllegalArgumentException if {@code batchSize} is less than 1
   */
  public RnnState newState(int batchSize) {
    return new RnnState(backend, spec, batchSize);
  }

  /**
   * Streaming inference, one time step a call; the caller closes it.
   *
   * @param parameters the flat parameters, which stay the caller's; what is written to them counts
   *     from the next step on
   * @param batchSize {@code B}, the sequences that advance together
   * @throws IllegalArgumentException if the stack is bidirectional, {@code batchSize} is less than
   *     1, or {@code parameters} do not fit
   * @throws IllegalStateException if {@code parameters} or this stack is closed
   */
  public RnnStepper newStepper(Buffer parameters, int batchSize) {
    requireOpen();
    checkParameters("parameters", parameters);
    return new RnnStepper(backend, spec, inferenceWeights, parameters, batchSize);
  }

  /**
   * Elements of the {@code saved} that a forward pass in {@link Mode#TRAINING} needs.
   *
   * @throws IllegalArgumentException if a size is less than 1
   */
  public long savedElements(int timeSteps, int batchSize) {
    return prepare(timeSteps, batchSize, Mode.TRAINING).plan.savedElements();
  }

  /**
   * Runs the stack over a whole sequence.
   *
   * <p>{@code x [T,B,I]}, {@code initialState [L·D,S,B,H]} (not modified); {@code y [T,B,D·H]},
   * {@code finalState}, {@code saved [savedElements(T, B)]} (overwritten; {@code saved} only in
   * {@link Mode#TRAINING}). Asynchronous: results are ready after {@link Backend#synchronize()} or
   * a download.
   *
   * @throws IllegalArgumentException if a size is less than 1, or a buffer is too short, of the
   *     wrong type, missing, or of another backend, or if a length is not in 0…T
   * @throws IllegalStateException if a buffer or this stack is closed
   * @throws BackendException if the device fails
   */
  public void forward(int timeSteps, int batchSize, Mode mode, RnnTensors tensors) {
    PreparedPlan prepared = prepare(timeSteps, batchSize, mode);
    check(prepared, tensors);
    prepared.plan.forward(tensors);
  }

  /**
   * Batched back-propagation through time for the {@linkplain #forward forward pass} in {@link
   * Mode#TRAINING} that filled {@code tensors.saved()}, with the same parameters, {@code x},
   * lengths, seed and offset. {@code gradients.dParameters()} is added to, the others are
   * overwritten.
   *
   * @throws IllegalArgumentException as for forward
   * @throws IllegalStateException if a buffer or this stack is closed
   * @throws BackendException if the device fails
   */
  public void backward(int timeSteps, int batchSize, RnnTensors tensors, RnnGradients gradients) {
    PreparedPlan prepared = prepare(timeSteps, batchSize, Mode.TRAINING);
    check(prepared, tensors);
    RnnShape shape = prepared.shape;
    atLeast("dy", gradients.dy(), shape.outputElements(), prepared);
    atLeast("dFinalState", gradients.dFinalState(), shape.stateElements(), prepared);
    checkParameters("dParameters", gradients.dParameters());
    atLeast("dx", gradients.dx(), shape.inputElements(), prepared);
    atLeast("dInitialState", gradients.dInitialState(), shape.stateElements(), prepared);
    distinct("dParameters", gradients.dParameters(), "parameters", tensors.parameters());
    if (gradients.dx() != null) {
      distinct("dx", gradients.dx(), "dy", gradients.dy());
      distinct("dx", gradients.dx(), "x", tensors.x());
    }
    prepared.plan.backward(tensors, gradients);
  }

  /**
   * Counts as a use of the plan for such calls, which is made if there is none yet: of many plans
   * the least lately used go. Work that the backend has recorded and replays ({@link Backend#step})
   * uses its plan without a call that would tell.
   */
  public void keepPlan(int timeSteps, int batchSize, Mode mode) {
    prepare(timeSteps, batchSize, mode);
  }

  /**
   * Says that the present contents of {@code lengths} are known to be 0…T. Otherwise the next call
   * with them asks the device, which means waiting for all that is queued.
   */
  public void knowLengths(int timeSteps, int batchSize, Mode mode, Buffer lengths) {
    PreparedPlan prepared = prepare(timeSteps, batchSize, mode);
    prepared.checkedLengths = lengths;
    prepared.checkedVersion = lengths.version();
  }

  private void check(PreparedPlan prepared, RnnTensors tensors) {
    RnnShape shape = prepared.shape;
    checkParameters("parameters", tensors.parameters());
    atLeast("x", tensors.x(), shape.inputElements(), prepared);
    checkLengths(prepared, tensors.lengths());
    atLeast("initialState", tensors.initialState(), shape.stateElements(), prepared);
    atLeast("y", tensors.y(), shape.outputElements(), prepared);
    atLeast("finalState", tensors.finalState(), shape.stateElements(), prepared);
    distinct("y", tensors.y(), "x", tensors.x());
    if (prepared.mode == Mode.TRAINING) {
      long savedElements = prepared.plan.savedElements();
      if (tensors.saved() == null) {
        throw new IllegalArgumentException(
            "saved is missing; " + prepared.describe("saved") + " needs " + savedElements);
      }
      atLeast("saved", tensors.saved(), savedElements, prepared);
    }
  }

  private void checkParameters(String name, Buffer parameters) {
    usable(name, parameters, DType.FLOAT32);
    long needed = spec.parameterLayout().totalElements();
    if (parameters.elements() != needed) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + parameters.elements()
              + " floats; "
              + spec.cell()
              + " with L="
              + spec.layers()
              + " D="
              + spec.directions()
              + " I="
              + spec.inputSize()
              + " H="
              + spec.hiddenSize()
              + " needs "
              + needed);
    }
  }

  private void atLeast(String name, @Nullable Buffer buffer, long needed, PreparedPlan prepared) {
    if (buffer == null) {
      return;
    }
    usable(name, buffer, DType.FLOAT32);
    if (buffer.elements() < needed) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + buffer.elements()
              + " floats; "
              + prepared.describe(name)
              + " needs "
              + needed);
    }
  }

  private void usable(String name, Buffer buffer, DType type) {
    if (buffer.isClosed()) {
      throw new IllegalStateException(name + " is used after close: " + buffer);
    }
    if (buffer.backend() != backend) {
      throw new IllegalArgumentException(
          name
              + " lives on another backend, "
              + buffer.backend().name()
              + "; needed memory of this stack's own, "
              + backend.name());
    }
    if (buffer.type() != type) {
      throw new IllegalArgumentException(name + " is " + buffer.type() + "; needed " + type);
    }
  }

  private static void distinct(String name, Buffer buffer, String other, @Nullable Buffer taken) {
    if (buffer == taken) {
      throw new IllegalArgumentException(
          name + " is the same buffer as " + other + "; needed memory of its own");
    }
  }

  /** Downloads the lengths only if they were written since this plan last saw them. */
  private void checkLengths(PreparedPlan prepared, @Nullable Buffer lengths) {
    if (lengths == null) {
      return;
    }
    int timeSteps = prepared.shape.timeSteps();
    int batchSize = prepared.shape.batchSize();
    usable("lengths", lengths, DType.INT32);
    if (lengths.elements() < batchSize) {
      throw new IllegalArgumentException(
          "lengths holds "
              + lengths.elements()
              + " integers; B="
              + batchSize
              + " needs "
              + batchSize);
    }
    if (prepared.checkedLengths == lengths && prepared.checkedVersion == lengths.version()) {
      return;
    }
    prepared.checkedLengths = null;
    long version = lengths.version();
    prepared.lengths.clear();
    backend.download(lengths, prepared.lengths);
    for (int b = 0; b < batchSize; b++) {
      int length = prepared.lengths.getInt(b * 4);
      if (length < 0 || length > timeSteps) {
        throw new IllegalArgumentException(
            "lengths[" + b + "] is " + length + "; needed 0 to T=" + timeSteps);
      }
    }
    prepared.checkedLengths = lengths;
    prepared.checkedVersion = version;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(spec.cell() + " stack is used after close");
    }
  }

  private PreparedPlan prepare(int timeSteps, int batchSize, Mode mode) {
    requireOpen();
    PlanKey key = new PlanKey(timeSteps, batchSize, mode);
    PreparedPlan prepared = plans.get(key);
    if (prepared == null) {
      RnnShape shape = spec.shape(timeSteps, batchSize);
      WeightStorage weights = mode == Mode.INFERENCE ? inferenceWeights : WeightStorage.FLOAT32;
      prepared = new PreparedPlan(shape, mode, backend.plan(shape, mode, weights));
      plans.put(key, prepared);
      if (plans.size() > PLANS_KEPT) {
        var eldest = plans.values().iterator();
        PreparedPlan evicted = eldest.next();
        eldest.remove();
        // Queued work may still use the plan's memory.
        backend.synchronize();
        evicted.plan.close();
      }
    }
    return prepared;
  }

  /** Frees the plans. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.synchronize();
      plans.values().forEach(prepared -> prepared.plan.close());
      plans.clear();
    }
  }
}
