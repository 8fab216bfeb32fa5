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
import java.util.LinkedHashMap;
import java.util.Map;

/** One case on one of Sequor's backends. */
final class SequorTrial implements Trial {
  private final Backend backend;
  private final boolean training;
  private final ParameterLayout layout;
  private final RnnPlan plan;
  private final Buffer lastWeight;
  private final float lastWeightValue;
  private final RnnTensors tensors;
  private final RnnGradients gradients;
  private final Buffer[] buffers;

  SequorTrial(Backend backend, WeightStorage weights, Case what, Problem numbers) {
    this.backend = backend;
    this.training = what.pass() == Case.Pass.FORWARD_BACKWARD;
    RnnShape shape =
        new RnnShape(
            CellType.valueOf(what.cell().name()),
            1,
            1,
            what.timeSteps(),
            what.batchSize(),
            what.hiddenSize(),
            what.hiddenSize(),
            0f);
    this.layout = shape.parameterLayout();
    this.plan = backend.plan(shape, training ? Mode.TRAINING : Mode.INFERENCE, weights);
    Buffer parameters = floats(layout.totalElements());
    put(parameters, Kind.INPUT_WEIGHTS, numbers.inputWeights());
    put(parameters, Kind.RECURRENT_WEIGHTS, numbers.recurrentWeights());
    put(parameters, Kind.INPUT_BIAS, numbers.inputBias());
    put(parameters, Kind.RECURRENT_BIAS, numbers.recurrentBias());
    this.lastWeight = parameters.slice(parameters.elements() - 1, 1);
    this.lastWeightValue = lastWeight.readFloats()[0];
    Buffer x = floats(shape.inputElements());
    x.write(numbers.x());
    Buffer y = floats(shape.outputElements());
    if (!training) {
      this.tensors = RnnTensors.of(parameters, x, y);
      this.gradients = null;
      this.buffers = new Buffer[] {parameters, x, y};
      return;
    }
    Buffer saved = floats(plan.savedElements());
    Buffer dy = floats(shape.outputElements());
    dy.write(numbers.outputGradient());
    Buffer dParameters = floats(layout.totalElements());
    Buffer dx = floats(shape.inputElements());
    this.tensors = RnnTensors.of(parameters, x, y).withSaved(saved);
    this.gradients = RnnGradients.of(dParameters).withDy(dy).withDx(dx);
    this.buffers = new Buffer[] {parameters, x, y, saved, dy, dParameters, dx};
  }

  private Buffer floats(long elements) {
    return backend.allocate(DType.FLOAT32, elements);
  }

  private void put(Buffer parameters, Kind kind, float[] values) {
    parameters.slice(layout.offset(kind, 0, 0), layout.elements(kind, 0)).write(values);
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
      results.put("dW", gradientOf(Kind.INPUT_WEIGHTS));
      results.put("dR", gradientOf(Kind.RECURRENT_WEIGHTS));
      results.put("dbW", gradientOf(Kind.INPUT_BIAS));
      results.put("dbR", gradientOf(Kind.RECURRENT_BIAS));
    }
    return results;
  }

  private float[] gradientOf(Kind kind) {
    long offset = layout.offset(kind, 0, 0);
    return gradients.dParameters().slice(offset, layout.elements(kind, 0)).readFloats();
  }

  @Override
  public void close() {
    plan.close();
    for (Buffer buffer : buffers) {
      buffer.close();
    }
  }
}
