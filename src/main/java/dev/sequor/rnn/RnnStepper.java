package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/**
 * Streaming inference: {@code B} sequences advance by one time step a call, from the state that the
 * call before left. It equals a {@linkplain dev.sequor.backend.RnnPlan#forward forward pass} over
 * the whole sequences; on the native CPU engine a step makes no Java object. Made by {@link
 * Rnn#newStepper}. Used by the thread that owns the backend only.
 *
 * <pre>{@code
 * try (RnnStepper stepper = rnn.newStepper(parameters.values(), 1)) {
 *   for (float[] x : stream) {
 *     stepper.input().put(0, x);
 *     stepper.step();
 *     float first = stepper.output().get(0);
 *   }
 * }
 * }</pre>
 */
public final class RnnStepper implements AutoCloseable {
  private final Backend backend;
  private final Buffer parameters;
  private final RnnState state;
  private final Buffer x;
  private final Buffer y;
  private final RnnPlan plan;
  private final RnnTensors tensors;
  private final ByteBuffer inputBytes;
  private final ByteBuffer outputBytes;
  private final FloatBuffer input;
  private final FloatBuffer output;
  private boolean closed;

  /** {@code parameters} have been checked. */
  RnnStepper(
      Backend backend, RnnSpec spec, WeightStorage weights, Buffer parameters, int batchSize) {
    if (!spec.canContinue()) {
      throw new IllegalArgumentException(
          "the stack's direction is "
              + spec.direction()
              + ", which starts at the end of each sequence; stepping needs "
              + Direction.FORWARD);
    }
    this.backend = backend;
    this.parameters = parameters;
    RnnShape shape = spec.shape(1, batchSize);
    this.inputBytes = Backend.hostMemory(DType.FLOAT32, shape.inputElements());
    this.outputBytes = Backend.hostMemory(DType.FLOAT32, shape.outputElements());
    this.input = inputBytes.asFloatBuffer();
    this.output = outputBytes.asFloatBuffer();
    this.state = new RnnState(backend, spec, batchSize);
    Buffer xMemory = null;
    Buffer yMemory = null;
    RnnPlan prepared = null;
    try {
      xMemory = backend.allocate(DType.FLOAT32, shape.inputElements());
      yMemory = backend.allocate(DType.FLOAT32, shape.outputElements());
      prepared = backend.plan(shape, Mode.INFERENCE, weights);
      this.tensors =
          RnnTensors.of(parameters, xMemory, yMemory)
              .withInitialState(state.values())
              .withFinalState(state.values());
      prepared.check(tensors);
    } catch (RuntimeException | Error e) {
      if (prepared != null) {
        prepared.close();
      }
      if (yMemory != null) {
        yMemory.close();
      }
      if (xMemory != null) {
        xMemory.close();
      }
      state.close();
      throw e;
    }
    this.x = xMemory;
    this.y = yMemory;
    this.plan = prepared;
  }

  /** {@code B}. */
  public int batchSize() {
    return state.batchSize();
  }

  /** What the next {@link #step()} reads, {@code [B,I]}; the caller fills it by index. */
  public FloatBuffer input() {
    return input;
  }

  /** What the last {@link #step()} put out, {@code [B,H]}. */
  public FloatBuffer output() {
    return output;
  }

  /**
   * The state that the next step starts from, zero at first. {@link RnnState#zero()} starts new
   * sequences; whatever else they are to start from, for example a learned state, is written to
   * {@link RnnState#values()}, for each of them.
   */
  public RnnState state() {
    return state;
  }

  /** What the next {@link #stepOnDevice()} reads, {@code [B,I]}. */
  public Buffer x() {
    return x;
  }

  /** What the last step put out, {@code [B,H]}. */
  public Buffer y() {
    return y;
  }

  /**
   * One time step from {@link #input()} to {@link #output()}; waits for the result.
   *
   * @throws IllegalStateException if this stepper or its parameters are closed
   * @throws BackendException if the device fails
   */
  public void step() {
    requireOpen();
    inputBytes.clear();
    backend.upload(inputBytes, x);
    plan.forward(tensors);
    outputBytes.clear();
    backend.download(y, outputBytes);
  }

  /**
   * One time step from {@link #x()} to {@link #y()}, in the backend's memory. Asynchronous: the
   * result is ready after {@link Backend#synchronize()} or a download.
   *
   * @throws IllegalStateException if this stepper or its parameters are closed
   * @throws BackendException if the device fails
   */
  public void stepOnDevice() {
    requireOpen();
    plan.forward(tensors);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the stepper is used after close");
    }
    parameters.requireOpen();
  }

  /** Frees the state, the plan and its copies of the weights; the parameters stay the caller's. */
  @Override
  public void close() {
    plan.close();
    state.close();
    x.close();
    y.close();
    closed = true;
  }
}
