package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * One layer in one direction, run step by step: what it hands from step to step is there to be
 * looked at, and in training so is the gradient by it.
 */
final class LayerReplay implements AutoCloseable {
  private final RnnSpec spec;
  private final int timeSteps;
  private final int batchSize;
  private final int stateElements;
  private final boolean reverse;
  private final RnnPlan plan;
  private final List<Buffer> memory = new ArrayList<>();
  private final Backend backend;
  private final Buffer parameters;
  private final float[] read;
  private final float[] written;

  /** Whether {@link #x}, {@link #y} and {@link #saved} hold all steps, to go back; or one. */
  private final boolean keepsAll;

  private final Buffer[] x;
  private final Buffer[] y;
  private final Buffer[] saved;

  /**
   * {@code [T + 1][S·B·H]}: before the first step, and after each, in the order of processing; or
   * two that take turns.
   */
  private final Buffer[] states;

  /** The same on the host, all of them. */
  private final float[][] history;

  /**
   * A layer.
   *
   * @param spec one layer, forward; which way it goes is {@code reverse}
   * @param mode training, to run {@link #backward} as well, or inference
   * @param parameters flat
   * @param x {@code [T,B,I]}
   * @param initialState {@code [S,B,H]}
   */
  LayerReplay(
      Backend backend,
      RnnSpec spec,
      Mode mode,
      boolean reverse,
      int timeSteps,
      int batchSize,
      float[] parameters,
      float[] x,
      float[] initialState) {
    if (spec.layers() != 1 || spec.direction() != Direction.FORWARD) {
      throw new IllegalArgumentException(spec + " is given; needed one layer, forward");
    }
    this.backend = backend;
    this.spec = spec;
    this.reverse = reverse;
    this.timeSteps = timeSteps;
    this.batchSize = batchSize;
    this.stateElements = initialState.length;
    this.keepsAll = mode == Mode.TRAINING;
    this.read = x;
    this.written = new float[timeSteps * batchSize * spec.outputSize()];
    this.plan = backend.plan(spec.shape(1, batchSize), mode);
    this.parameters = floats(parameters);
    int kept = keepsAll ? timeSteps : 1;
    this.x = new Buffer[kept];
    this.y = new Buffer[kept];
    this.saved = new Buffer[keepsAll ? timeSteps : 0];
    this.states = new Buffer[kept + 1];
    this.history = new float[timeSteps + 1][];
    history[0] = initialState;
    states[0] = floats(initialState);
    for (int t = 0; t < kept; t++) {
      this.x[t] = floats((long) batchSize * spec.inputSize());
      this.y[t] = floats((long) batchSize * spec.outputSize());
      states[t + 1] = floats(stateElements);
    }
    for (int t = 0; t < saved.length; t++) {
      saved[t] = floats(plan.savedElements());
    }
  }

  private Buffer floats(long elements) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    memory.add(buffer);
    return buffer;
  }

  private Buffer floats(float[] values) {
    Buffer buffer = floats(values.length);
    buffer.write(values);
    return buffer;
  }

  /** The time step that is processed as number {@code i}. */
  private int step(int i) {
    return reverse ? timeSteps - 1 - i : i;
  }

  private RnnTensors tensors(int i) {
    int t = keepsAll ? step(i) : 0;
    RnnTensors tensors =
        RnnTensors.of(parameters, x[t], y[t])
            .withInitialState(states[i % states.length])
            .withFinalState(states[(i + 1) % states.length]);
    return keepsAll ? tensors.withSaved(saved[t]) : tensors;
  }

  /** Runs all steps; returns {@code y [T,B,W]}. */
  float[] forward() {
    int width = batchSize * spec.outputSize();
    for (int i = 0; i < timeSteps; i++) {
      int slot = keepsAll ? step(i) : 0;
      x[slot].write(input(step(i)));
      plan.forward(tensors(i));
      System.arraycopy(y[slot].readFloats(), 0, written, step(i) * width, width);
      history[i + 1] = states[(i + 1) % states.length].readFloats();
    }
    return written;
  }

  /** {@code [B,I]}. */
  private float[] input(int t) {
    int width = batchSize * spec.inputSize();
    return Arrays.copyOfRange(read, t * width, (t + 1) * width);
  }

  /** What its units were in the forward pass. */
  Activations.Layer activations(LayerName name) {
    int hidden = spec.hiddenSize();
    int width = batchSize * hidden;
    float[] cells = new float[hasCell() ? timeSteps * width : 0];
    for (int i = 0; i < timeSteps && hasCell(); i++) {
      System.arraycopy(history[i + 1], width, cells, step(i) * width, width);
    }
    return new Activations.Layer(name, timeSteps, batchSize, written, cells);
  }

  /** Which part of the cell states after each step is at its bound; none without one. */
  OptionalDouble clippedCells() {
    float bound = spec.options().cellClip();
    if (bound == 0 || !hasCell()) {
      return OptionalDouble.empty();
    }
    int width = batchSize * spec.hiddenSize();
    long clipped = 0;
    for (int i = 1; i <= timeSteps; i++) {
      for (int j = width; j < 2 * width; j++) {
        clipped += Math.abs(history[i][j]) >= bound ? 1 : 0;
      }
    }
    return OptionalDouble.of((double) clipped / ((long) timeSteps * width));
  }

  private boolean hasCell() {
    return spec.cell().states() == 2;
  }

  /** What the gates were in the forward pass; none if they are not what the cell's type says. */
  List<Diagnosis.Gate> gates() {
    if (!GateValues.areKnown(spec)) {
      return List.of();
    }
    Map<String, float[]> tensors = new HashMap<>();
    float[] flat = parameters.readFloats();
    int at = 0;
    for (TensorSpec tensor : Parameters.tensors(spec.parameterLayout())) {
      int elements = Math.toIntExact(tensor.elements());
      String name = tensor.name();
      tensors.put(
          name.substring(name.lastIndexOf('.') + 1), Arrays.copyOfRange(flat, at, at + elements));
      at += elements;
    }
    GateValues values = new GateValues(spec, tensors);
    int hidden = spec.hiddenSize();
    for (int i = 0; i < timeSteps; i++) {
      float[] input = input(step(i));
      float[] before = history[i];
      float[] after = history[i + 1];
      for (int b = 0; b < batchSize; b++) {
        values.step(
            GateValues.row(input, b, spec.inputSize()),
            GateValues.row(before, b, hidden),
            hasCell() ? GateValues.row(before, batchSize + b, hidden) : new float[0],
            hasCell() ? GateValues.row(after, batchSize + b, hidden) : new float[0]);
      }
    }
    return values.gates();
  }

  /** The width of {@code h}. */
  private int width() {
    return spec.stateSize();
  }

  /**
   * Back through all steps, after {@link #forward}.
   *
   * @param dy {@code [T,B,W]}: the gradient by the outputs, as far as others read them
   * @param dFinalState {@code [S,B,H]}: that by the state after the last step
   * @param dState {@code [T,B,W]}, overwritten: the whole gradient by each step's {@code h}
   * @return {@code [T,B,I]}: the gradient by what the layer reads
   */
  float[] backward(float[] dy, float[] dFinalState, float[] dState) {
    int width = batchSize * width();
    int inputWidth = batchSize * spec.inputSize();
    float[] dx = new float[timeSteps * inputWidth];
    Buffer dParameters = floats(parameters.elements());
    Buffer later = floats(dFinalState);
    Buffer earlier = floats(stateElements);
    Buffer dyOfStep = floats(width);
    Buffer dxOfStep = floats(inputWidth);
    for (int i = timeSteps - 1; i >= 0; i--) {
      int t = step(i);
      float[] ofStep = new float[width];
      System.arraycopy(dy, t * width, ofStep, 0, width);
      dyOfStep.write(ofStep);
      float[] carried = later.readFloats(); // its h comes first
      for (int b = 0; b < batchSize; b++) {
        for (int j = 0; j < width(); j++) {
          int at = b * width() + j;
          dState[t * width + at] = ofStep[at] + carried[b * spec.hiddenSize() + j];
        }
      }
      plan.backward(
          tensors(i),
          RnnGradients.of(dParameters)
              .withDy(dyOfStep)
              .withDFinalState(later)
              .withDx(dxOfStep)
              .withDInitialState(earlier));
      System.arraycopy(dxOfStep.readFloats(), 0, dx, t * inputWidth, inputWidth);
      Buffer swapped = later;
      later = earlier;
      earlier = swapped;
    }
    return dx;
  }

  @Override
  public void close() {
    plan.close();
    memory.forEach(Buffer::close);
  }
}
