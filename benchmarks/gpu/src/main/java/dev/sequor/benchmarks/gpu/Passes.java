package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A stack at work on one backend: the same random weights and inputs wherever it runs, and copies
 * of the inputs to go round.
 */
final class Passes implements AutoCloseable {
  private static final int SEED = 11;

  private final Backend backend;
  private final RnnPlan plan;
  private final boolean training;
  private final Parameters parameters;
  private final Buffer lastWeight;
  private final float lastWeightValue;
  private final Buffer y;
  private final @Nullable Buffer dx;
  private final List<RnnTensors> tensors = new ArrayList<>();
  private final List<RnnGradients> gradients = new ArrayList<>();
  private final List<AutoCloseable> owned = new ArrayList<>();
  private int next;

  Passes(
      Backend backend,
      RnnSpec spec,
      int timeSteps,
      int batchSize,
      int @Nullable [] lengths,
      boolean training,
      int copies) {
    this.backend = backend;
    this.training = training;
    try {
      Rnn rnn = new Rnn(backend, spec);
      Mode mode = training ? Mode.TRAINING : Mode.INFERENCE;
      this.plan = own(rnn.prepare(timeSteps, batchSize, mode));
      this.parameters = own(rnn.newParameters(SEED));
      this.lastWeight = parameters.values().slice(parameters.values().elements() - 1, 1);
      this.lastWeightValue = lastWeight.readFloats()[0];
      RnnShape shape = spec.shape(timeSteps, batchSize);
      this.y = floats(shape.outputElements());
      this.dx = training ? floats(shape.inputElements()) : null;
      Buffer saved = training ? floats(plan.savedElements()) : null;
      Buffer lengthBuffer = lengths == null ? null : own(backend.allocate(DType.INT32, batchSize));
      if (lengthBuffer != null) {
        lengthBuffer.write(lengths);
      }
      float[] inputs = random(shape.inputElements(), 1);
      float[] outputGradients = training ? random(shape.outputElements(), 2) : new float[0];
      for (int copy = 0; copy < copies; copy++) {
        Buffer x = floats(inputs.length);
        x.write(inputs);
        tensors.add(
            RnnTensors.of(parameters.values(), x, y).withLengths(lengthBuffer).withSaved(saved));
        if (training) {
          Buffer dy = floats(outputGradients.length);
          dy.write(outputGradients);
          gradients.add(RnnGradients.of(parameters.gradients()).withDy(dy).withDx(dx));
        }
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T own(T resource) {
    owned.add(resource);
    return resource;
  }

  private Buffer floats(long elements) {
    return own(backend.allocate(DType.FLOAT32, elements));
  }

  private static float[] random(long elements, long stream) {
    SplittableRandom random = new SplittableRandom(SEED + stream);
    float[] values = new float[Math.toIntExact(elements)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 * random.nextDouble() - 1);
    }
    return values;
  }

  /** Queues one call on the next copy of the inputs. */
  void run() {
    RnnTensors t = tensors.get(next);
    if (training) {
      // A training step has changed the weights: making operands of them is part of the call.
      backend.fill(lastWeight, lastWeightValue);
      backend.fill(parameters.gradients(), 0f);
      plan.forward(t);
      plan.backward(t, gradients.get(next));
    } else {
      plan.forward(t);
    }
    next = (next + 1) % tensors.size();
  }

  /** Waits until all queued calls are done. */
  void synchronize() {
    backend.synchronize();
  }

  /** {@code y}, and in training {@code dx} and {@code dParameters}. */
  Map<String, float[]> results() {
    Map<String, float[]> results = new LinkedHashMap<>();
    results.put("y", y.readFloats());
    if (dx != null) {
      results.put("dx", dx.readFloats());
      results.put("dParameters", parameters.gradients().readFloats());
    }
    return results;
  }

  @Override
  public void close() {
    // The plan first: it waits for what is queued.
    for (AutoCloseable resource : owned) {
      try {
        resource.close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    owned.clear();
  }
}
