package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One case on one of Sequor's backends. */
final class SequorTrial implements Trial {
  private static final Map<String, Kind> PARAMETERS =
      Map.of(
          "W", Kind.INPUT_WEIGHTS,
          "R", Kind.RECURRENT_WEIGHTS,
          "bW", Kind.INPUT_BIAS,
          "bR", Kind.RECURRENT_BIAS);

  private final Backend backend;
  private final boolean training;
  private final ParameterLayout layout;
  private final RnnPlan plan;
  private final Buffer lastWeight;
  private final float lastWeightValue;
  private final RnnTensors tensors;
  private final RnnGradients gradients;
  private final List<Buffer> buffers = new ArrayList<>();

  SequorTrial(Backend backend, WeightStorage weights, Case what, Problem numbers) {
    this.backend = backend;
    this.training = what.pass() == Case.Pass.FORWARD_BACKWARD;
    RnnShape shape =
        new RnnShape(
            CellType.valueOf(what.cell().name()),
            what.layers(),
            what.directions(),
            what.timeSteps(),
            what.batchSize(),
            what.hiddenSize(),
            what.hiddenSize(),
            0f);
    this.layout = shape.parameterLayout();
    this.plan = backend.plan(shape, training ? Mode.TRAINING : Mode.INFERENCE, weights);
    Buffer parameters = floats(layout.totalElements());
    for (int layer = 0; layer < what.layers(); layer++) {
      for (int direction = 0; direction < what.directions(); direction++) {
        block(parameters, Kind.INPUT_WEIGHTS, layer, direction)
            .write(numbers.inputWeights(layer, direction));
        block(parameters, Kind.RECURRENT_WEIGHTS, layer, direction)
            .write(numbers.recurrentWeights(layer, direction));
        block(parameters, Kind.INPUT_BIAS, layer, direction)
            .write(numbers.inputBias(layer, direction));
        block(parameters, Kind.RECURRENT_BIAS, layer, direction)
            .write(numbers.recurrentBias(layer, direction));
      }
    }
    this.lastWeight = parameters.slice(parameters.elements() - 1, 1);
    this.lastWeightValue = lastWeight.readFloats()[0];
    Buffer x = floats(shape.inputElements());
    x.write(numbers.x());
    Buffer y = floats(shape.outputElements());
    buffers.addAll(List.of(parameters, x, y));
    RnnTensors common = RnnTensors.of(parameters, x, y);
    if (what.shape().ragged()) {
      Buffer lengths = backend.allocate(DType.INT32, what.batchSize());
      lengths.write(what.shape().lengths());
      buffers.add(lengths);
      common = common.withLengths(lengths);
    }
    if (!training) {
      this.tensors = common;
      this.gradients = null;
      return;
    }
    Buffer saved = floats(plan.savedElements());
    Buffer dy = floats(shape.outputElements());
    dy.write(numbers.outputGradient());
    Buffer dParameters = floats(layout.totalElements());
    Buffer dx = floats(shape.inputElements());
    this.tensors = common.withSaved(saved);
    this.gradients = RnnGradients.of(dParameters).withDy(dy).withDx(dx);
    buffers.addAll(List.of(saved, dy, dParameters, dx));
  }

  private Buffer floats(long elements) {
    return backend.allocate(DType.FLOAT32, elements);
  }

  private Buffer block(Buffer of, Kind kind, int layer, int direction) {
    return of.slice(layout.offset(kind, layer, direction), layout.elements(kind, layer));
  }

  @Override
  public void run() {
    if (training) {
      // A training step has changed the weights: their packed copies count as part of the call.
      backend.fill(lastWeight, lastWeightValue);
      backend.fill(gradients.dParameters(), 0f);
      plan.forward(tensors);
      plan.backward(tensors, gradients);
    } else {
      plan.forward(tensors);
    }
    backend.synchronize();
  }

  @Override
  public Map<String, float[]> results() {
    Map<String, float[]> results = new LinkedHashMap<>();
    results.put("y", tensors.y().readFloats());
    if (training) {
      results.put("dx", gradients.dx().readFloats());
      for (int layer = 0; layer < layout.layers(); layer++) {
        for (int direction = 0; direction < layout.directions(); direction++) {
          for (Map.Entry<String, Kind> each : PARAMETERS.entrySet()) {
            results.put(
                Problem.gradient(each.getKey(), layer, direction),
                block(gradients.dParameters(), each.getValue(), layer, direction).readFloats());
          }
        }
      }
    }
    return results;
  }

  @Override
  public void close() {
    plan.close();
    for (Buffer buffer : buffers) {
      buffer.close();
    }
  }
}
