package dev.sequor.contract;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A problem on a backend's memory, ready to run. Everything that a pass must overwrite starts as
 * NaN, so that an element left out shows.
 */
final class BackendRun implements AutoCloseable {
  final Backend backend;
  final RnnProblem problem;
  final RnnPlan plan;
  final Buffer parameters;
  final Buffer x;
  final @Nullable Buffer lengths;
  final @Nullable Buffer initialState;
  final Buffer y;
  final Buffer finalState;
  final @Nullable Buffer saved;
  final Buffer dy;
  final Buffer dFinalState;
  final Buffer dParameters;
  final Buffer dx;
  final Buffer dInitialState;
  private final Buffer dropoutKey;
  private final List<Buffer> owned = new ArrayList<>();

  BackendRun(Backend backend, RnnProblem p) {
    this(backend, p, WeightStorage.FLOAT32);
  }

  private BackendRun(Backend backend, RnnProblem p, WeightStorage weights) {
    RnnShape shape = p.shape;
    this.backend = backend;
    this.problem = p;
    this.plan = backend.plan(shape, p.training ? Mode.TRAINING : Mode.INFERENCE, weights);
    this.parameters = floats(p.parameters);
    this.x = floats(p.x);
    this.lengths = p.lengths == null ? null : ints(p.lengths);
    this.initialState = p.initialState == null ? null : floats(p.initialState);
    this.y = garbage(shape.outputElements());
    this.finalState = garbage(shape.stateElements());
    this.saved = p.training ? garbage(plan.savedElements()) : null;
    this.dy = floats(p.dy);
    this.dFinalState = floats(p.dFinalState);
    this.dParameters = own(DType.FLOAT32, shape.parameterLayout().totalElements());
    this.dx = garbage(shape.inputElements());
    this.dInitialState = garbage(shape.stateElements());
    this.dropoutKey =
        ints(new RandomKey(p.dropoutSeed, Philox.Stream.DROPOUT.number(), p.dropoutOffset).words());
  }

  /** Forward, and in training backward too. */
  static Results run(Backend backend, RnnProblem p) {
    try (BackendRun run = new BackendRun(backend, p)) {
      run.forward();
      if (p.training) {
        run.backward();
      }
      return run.results();
    }
  }

  /** Forward in inference, with weights kept as asked for. */
  static Results infer(Backend backend, RnnProblem p, WeightStorage weights) {
    try (BackendRun run = new BackendRun(backend, p.inference(), weights)) {
      run.forward();
      return run.results();
    }
  }

  /** Copies of all results; gradients are still NaN in inference. */
  static final class Results {
    final float[] y;
    final float[] finalState;
    final float[] dParameters;
    final float[] dx;
    final float[] dInitialState;

    Results(BackendRun run) {
      this.y = run.y.readFloats();
      this.finalState = run.finalState.readFloats();
      this.dParameters = run.dParameters.readFloats();
      this.dx = run.dx.readFloats();
      this.dInitialState = run.dInitialState.readFloats();
    }
  }

  Results results() {
    backend.synchronize();
    return new Results(this);
  }

  /** Those of the problem, which has some. */
  Buffer lengths() {
    return Objects.requireNonNull(lengths);
  }

  RnnTensors tensors() {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }

  RnnGradients gradients() {
    return new RnnGradients(dParameters, dy, dFinalState, dx, dInitialState);
  }

  void forward() {
    plan.forward(tensors());
  }

  void backward() {
    plan.backward(tensors(), gradients());
  }

  private Buffer own(DType type, long elements) {
    Buffer buffer = backend.allocate(type, elements);
    owned.add(buffer);
    return buffer;
  }

  private Buffer floats(double[] values) {
    Buffer buffer = own(DType.FLOAT32, values.length);
    buffer.write(toFloats(values));
    return buffer;
  }

  private Buffer ints(int[] values) {
    Buffer buffer = own(DType.INT32, values.length);
    buffer.write(values);
    return buffer;
  }

  private Buffer garbage(long elements) {
    Buffer buffer = own(DType.FLOAT32, elements);
    if (elements > 0) {
      backend.fill(buffer, Float.NaN);
    }
    return buffer;
  }

  static float[] toFloats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  @Override
  public void close() {
    owned.forEach(Buffer::close);
    plan.close();
  }
}
