package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;

/**
 * A recurrent stack on a backend: makes its parameters, its states, and passes for batches of any
 * shape. What it makes is the caller's to close; it keeps nothing itself.
 *
 * <pre>{@code
 * Rnn rnn = new Rnn(backend, RnnSpec.of(CellType.LSTM, 64, 128));
 * try (Parameters parameters = rnn.newParameters(seed);
 *     RnnPlan pass = rnn.prepare(T, B, Mode.INFERENCE)) {
 *   pass.forward(RnnTensors.of(parameters.values(), x, y));
 * }
 * }</pre>
 */
public final class Rnn {
  private final Backend backend;
  private final RnnSpec spec;
  private final WeightStorage inferenceWeights;

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
   * @throws IllegalStateException if {@code parameters} are closed
   */
  public RnnStepper newStepper(Buffer parameters, int batchSize) {
    return new RnnStepper(backend, spec, inferenceWeights, parameters, batchSize);
  }

  /**
   * Prepares passes over batches of one shape: scratch memory and packed weights, ready to run any
   * number of times. The caller closes what is returned.
   *
   * <pre>{@code
   * try (RnnPlan pass = rnn.prepare(T, B, Mode.INFERENCE)) {
   *   pass.forward(RnnTensors.of(parameters.values(), x, y).withLengths(lengths));
   * }
   * }</pre>
   *
   * @throws IllegalArgumentException if a size is less than 1, or the stack is too large
   * @throws BackendException if there is not enough memory
   */
  public RnnPlan prepare(int timeSteps, int batchSize, Mode mode) {
    WeightStorage weights = mode == Mode.INFERENCE ? inferenceWeights : WeightStorage.FLOAT32;
    return backend.plan(spec.shape(timeSteps, batchSize), mode, weights);
  }
}
