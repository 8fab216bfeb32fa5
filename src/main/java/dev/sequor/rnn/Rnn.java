package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A recurrent stack on a backend, for batches of any shape: plans are kept for the shapes seen
 * lately. Used by the thread that owns the backend only.
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
  private final Map<PlanKey, RnnPlan> plans = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  private record PlanKey(int timeSteps, int batchSize, Mode mode) {}

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
    requireOpen();
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
    requireOpen();
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
    return new RnnStepper(backend, spec, inferenceWeights, parameters, batchSize);
  }

  /**
   * Elements of the {@code saved} that a forward pass in {@link Mode#TRAINING} needs.
   *
   * @throws IllegalArgumentException if a size is less than 1
   */
  public long savedElements(int timeSteps, int batchSize) {
    return prepare(timeSteps, batchSize, Mode.TRAINING).savedElements();
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
    prepare(timeSteps, batchSize, mode).forward(tensors);
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
    prepare(timeSteps, batchSize, Mode.TRAINING).backward(tensors, gradients);
  }

  /**
   * Counts as a use of the plan for such calls, which is made if there is none yet: of many plans
   * the least lately used go. Work that the backend has recorded and replays ({@link Backend#step})
   * uses its plan without a call that would tell.
   */
  public void keepPlan(int timeSteps, int batchSize, Mode mode) {
    prepare(timeSteps, batchSize, mode);
  }

  private void requireOpen() {
    backend.requireThread();
    if (closed) {
      throw new IllegalStateException(spec.cell() + " stack is used after close");
    }
  }

  private RnnPlan prepare(int timeSteps, int batchSize, Mode mode) {
    requireOpen();
    PlanKey key = new PlanKey(timeSteps, batchSize, mode);
    RnnPlan plan = plans.get(key);
    if (plan == null) {
      WeightStorage weights = mode == Mode.INFERENCE ? inferenceWeights : WeightStorage.FLOAT32;
      plan = backend.plan(spec.shape(timeSteps, batchSize), mode, weights);
      plans.put(key, plan);
      if (plans.size() > PLANS_KEPT) {
        var eldest = plans.values().iterator();
        RnnPlan evicted = eldest.next();
        eldest.remove();
        evicted.close();
      }
    }
    return plan;
  }

  /** Frees the plans; harmless the second time, or after the backend. */
  @Override
  public void close() {
    if (!closed) {
      if (!backend.isClosed()) {
        backend.requireThread();
      }
      plans.values().forEach(RnnPlan::close);
      plans.clear();
      closed = true;
    }
  }
}
