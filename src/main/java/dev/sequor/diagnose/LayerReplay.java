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

/**
 * One layer in one direction, run step by step: what it hands from step to step is there to be
 * looked at, and so is the gradient by it.
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
  private final Buffer dParameters;
  private final Buffer[] x;
  private final Buffer[] y;
  private final Buffer[] saved;

  /** {@code [T + 1][S·B·H]}: before the first step, and after each, in the order of processing. */
  private final Buffer[] states;

  /**
   * A layer.
   *
   * @param spec one layer, forward; which way it goes is {@code reverse}
   * @param parameters flat
   * @param x {@code [T,B,I]}
   * @param initialState {@code [S,B,H]}
   */
  LayerReplay(
      Backend backend,
      RnnSpec spec,
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
    this.plan = backend.plan(spec.shape(1, batchSize), Mode.TRAINING);
    this.parameters = floats(parameters);
    this.dParameters = floats(parameters.length);
    this.x = new Buffer[timeSteps];
    this.y = new Buffer[timeSteps];
    this.saved = new Buffer[timeSteps];
    this.states = new Buffer[timeSteps + 1];
    states[0] = floats(initialState);
    int width = batchSize * spec.inputSize();
    for (int t = 0; t < timeSteps; t++) {
      float[] step = new float[width];
      System.arraycopy(x, t * width, step, 0, width);
      this.x[t] = floats(step);
      this.y[t] = floats((long) batchSize * spec.outputSize());
      this.saved[t] = floats(plan.savedElements());
      this.states[t + 1] = floats(stateElements);
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
    int t = step(i);
    return RnnTensors.of(parameters, x[t], y[t])
        .withInitialState(states[i])
        .withFinalState(states[i + 1])
        .withSaved(saved[t]);
  }

  /** Runs all steps; returns {@code y [T,B,W]}. */
  float[] forward() {
    int width = batchSize * spec.outputSize();
    float[] all = new float[timeSteps * width];
    for (int i = 0; i < timeSteps; i++) {
      plan.forward(tensors(i));
      System.arraycopy(y[step(i)].readFloats(), 0, all, step(i) * width, width);
    }
    return all;
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
    boolean hasCell = spec.cell().states() == 2;
    for (int i = 0; i < timeSteps; i++) {
      float[] input = x[step(i)].readFloats();
      float[] before = states[i].readFloats();
      float[] after = states[i + 1].readFloats();
      for (int b = 0; b < batchSize; b++) {
        values.step(
            GateValues.row(input, b, spec.inputSize()),
            GateValues.row(before, b, hidden),
            hasCell ? GateValues.row(before, batchSize + b, hidden) : new float[0],
            hasCell ? GateValues.row(after, batchSize + b, hidden) : new float[0]);
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
