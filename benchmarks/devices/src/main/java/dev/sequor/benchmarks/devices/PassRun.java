package dev.sequor.benchmarks.devices;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A cell's pass on one device, with everything it needs in the device's memory. */
final class PassRun implements AutoCloseable {
  private final Backend backend;
  private final RnnPlan plan;
  private final Parameters parameters;
  private final Buffer lastWeight;
  private final float lastWeightValue;
  private final RnnTensors tensors;
  private final RnnGradients gradients;
  private final List<Buffer> buffers = new ArrayList<>();

  PassRun(Backend backend, CellType cell, Pass pass, Shape shape) {
    this.backend = backend;
    Rnn rnn = new Rnn(backend, RnnSpec.of(cell, shape.hiddenSize(), shape.hiddenSize()));
    parameters = rnn.newParameters(1);
    parameters.values().write(RandomNumbers.parameters(shape, parameters.layout().totalElements()));
    lastWeight = parameters.values().slice(parameters.values().elements() - 1, 1);
    lastWeightValue = lastWeight.readFloats()[0];
    Buffer x = floats(shape.sequenceElements());
    x.write(RandomNumbers.input(shape));
    Buffer y = floats(shape.sequenceElements());
    boolean training = pass == Pass.FORWARD_BACKWARD;
    plan =
        rnn.prepare(
            shape.timeSteps(), shape.batchSize(), training ? Mode.TRAINING : Mode.INFERENCE);
    if (training) {
      Buffer saved = floats(plan.savedElements());
      Buffer dy = floats(shape.sequenceElements());
      dy.write(RandomNumbers.outputGradient(shape));
      Buffer dx = floats(shape.sequenceElements());
      tensors = RnnTensors.of(parameters.values(), x, y).withSaved(saved);
      gradients = RnnGradients.of(parameters.gradients()).withDy(dy).withDx(dx);
    } else {
      tensors = RnnTensors.of(parameters.values(), x, y);
      gradients = null;
    }
  }

  private Buffer floats(long elements) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    buffers.add(buffer);
    return buffer;
  }

  /** The timed call: its results are complete when it returns. */
  void run() {
    if (gradients == null) {
      plan.forward(tensors);
    } else {
      // A training step has changed the parameters: packing them again is part of its cost.
      backend.fill(lastWeight, lastWeightValue);
      parameters.zeroGradients();
      plan.forward(tensors);
      plan.backward(tensors, gradients);
    }
    backend.synchronize();
  }

  /** What the last call computed, by name. */
  Map<String, float[]> results() {
    Map<String, float[]> results = new LinkedHashMap<>();
    results.put("y", tensors.y().readFloats());
    if (gradients != null) {
      results.put("dx", gradients.dx().readFloats());
      results.put("dParameters", gradients.dParameters().readFloats());
    }
    return results;
  }

  @Override
  public void close() {
    plan.close();
    parameters.close();
    buffers.forEach(Buffer::close);
  }
}
