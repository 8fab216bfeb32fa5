package dev.sequor.backend.cpu;

import static dev.sequor.backend.cpu.CpuBuffer.address;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerEngine;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.StackedPlan;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The native engine as a {@link Backend}. Every call has finished when it returns. */
final class CpuBackend implements Backend, LayerEngine {
  private final String name;
  private long engine;

  /**
   * Opens the engine with one instruction set ("AVX-512", "AVX2" or "baseline") and a team of
   * threads.
   */
  CpuBackend(String instructionSet, int threads) {
    this(instructionSet, threads, false);
  }

  /**
   * The same.
   *
   * @param sharesEverything whether all threads share even layers that one alone does faster
   */
  CpuBackend(String instructionSet, int threads, boolean sharesEverything) {
    name = "cpu (" + instructionSet + ", " + threads + (threads == 1 ? " thread)" : " threads)");
    engine = NativeEngine.sequor_engine_create(instructionSet, threads, sharesEverything ? 1 : 0);
    if (engine == 0) {
      throw new BackendException(
          name
              + ": the engine does not start; needed a processor with "
              + instructionSet
              + " and "
              + threads
              + " threads");
    }
  }

  @Override
  public String name() {
    return name;
  }

  /** The engine's address, for as long as it is open. */
  long engine() {
    if (engine == 0) {
      throw new IllegalStateException(name + " is used after close");
    }
    return engine;
  }

  @Override
  public Buffer allocate(DType type, long elements) {
    engine();
    long memory = NativeEngine.sequor_allocate(elements * type.bytes());
    if (memory == 0) {
      throw new DeviceMemoryException(
          name
              + ": no memory for a buffer of "
              + elements
              + " "
              + type
              + " ("
              + elements * type.bytes()
              + " bytes)");
    }
    return new CpuBuffer(this, type, elements, memory);
  }

  /** Native code sees a buffer from its first byte on. */
  private static ByteBuffer fromZero(ByteBuffer host) {
    return host.position() == 0 ? host : host.slice(); // a slice is an object
  }

  @Override
  public void upload(ByteBuffer source, Buffer target) {
    target.requireFit(source);
    ByteBuffer bytes = fromZero(source);
    NativeEngine.sequor_copy(address(target), bytes, bytes.remaining());
    target.markWritten();
  }

  @Override
  public void download(Buffer source, ByteBuffer target) {
    source.requireFit(target);
    ByteBuffer bytes = fromZero(target);
    NativeEngine.sequor_copy(bytes, address(source), bytes.remaining());
  }

  @Override
  public void fill(Buffer target, float value) {
    NativeEngine.sequor_fill(address(target), target.elements(), value);
    target.markWritten();
  }

  @Override
  public void copy(Buffer source, Buffer target) {
    NativeEngine.sequor_copy(
        address(target), address(source), source.elements() * source.type().bytes());
    target.markWritten();
  }

  @Override
  public RnnPlan plan(RnnShape shape, Mode mode) {
    return plan(shape, mode, WeightStorage.FLOAT32);
  }

  @Override
  public RnnPlan plan(RnnShape shape, Mode mode, WeightStorage weights) {
    if (mode == Mode.TRAINING && weights != WeightStorage.FLOAT32) {
      throw new IllegalArgumentException(
          "training with weights kept as " + weights.id() + "; needed float32");
    }
    return mode == Mode.INFERENCE && shape.timeSteps() == 1 && shape.directions() == 1
        ? new CpuStepPlan(this, shape, weights)
        : new StackedPlan(this, this, shape, mode, weights);
  }

  @Override
  public CpuLayerPlan layer(LayerShape shape) {
    return new CpuLayerPlan(engine(), shape);
  }

  @Override
  public void dropout(
      long elements, float p, long seed, int stream, long offset, Buffer x, Buffer y) {
    NativeEngine.sequor_dropout(
        engine(), elements, p, seed, stream, offset, address(x), address(y));
  }

  @Override
  public void linearForward(
      LinearShape shape, Buffer x, Buffer weight, @Nullable Buffer bias, Buffer y) {
    NativeEngine.sequor_linear_forward(
        engine(),
        shape.rows(),
        shape.inputSize(),
        shape.outputSize(),
        shape.activation().number(),
        address(x),
        address(weight),
        address(bias),
        address(y));
    y.markWritten();
  }

  @Override
  public void linearBackward(
      LinearShape shape,
      Buffer x,
      Buffer weight,
      Buffer y,
      Buffer dy,
      @Nullable Buffer dx,
      Buffer dWeight,
      @Nullable Buffer dBias) {
    NativeEngine.sequor_linear_backward(
        engine(),
        shape.rows(),
        shape.inputSize(),
        shape.outputSize(),
        shape.activation().number(),
        address(x),
        address(weight),
        address(y),
        address(dy),
        address(dx),
        address(dWeight),
        address(dBias));
    dy.markWritten();
    dWeight.markWritten();
    if (dx != null) {
      dx.markWritten();
    }
    if (dBias != null) {
      dBias.markWritten();
    }
  }

  @Override
  public void embeddingForward(
      int rows, int width, Buffer tokens, @Nullable Buffer table, Buffer y) {
    NativeEngine.sequor_embedding_forward(
        engine(), rows, width, address(tokens), address(table), address(y));
    y.markWritten();
  }

  @Override
  public void embeddingBackward(int rows, int width, Buffer tokens, Buffer dy, Buffer dTable) {
    NativeEngine.sequor_embedding_backward(
        engine(), rows, width, address(tokens), address(dy), address(dTable));
    dTable.markWritten();
  }

  @Override
  public void loss(
      LossShape shape,
      Buffer outputs,
      Buffer targets,
      @Nullable Buffer lengths,
      float gradientScale,
      @Nullable Buffer update,
      @Nullable Buffer dOutputs,
      Buffer result) {
    NativeEngine.sequor_loss(
        engine(),
        shape.function().number(),
        shape.timeSteps(),
        shape.batchSize(),
        shape.outputSize(),
        address(outputs),
        address(targets),
        address(lengths),
        gradientScale,
        update == null ? 0 : address(UpdateReport.require(update)),
        address(dOutputs),
        address(result));
    result.markWritten();
    if (dOutputs != null) {
      dOutputs.markWritten();
    }
  }

  @Override
  public void optimizerStep(
      OptimizerStep step, Buffer parameters, Buffer gradients, Buffer moments, Buffer update) {
    NativeEngine.sequor_optimizer_step(
        engine(),
        step.rule().number(),
        step.step(),
        step.learningRate(),
        step.momentum(),
        step.beta1(),
        step.beta2(),
        step.epsilon(),
        step.weightDecay(),
        step.clipNorm(),
        step.clipValue(),
        parameters.elements(),
        address(parameters),
        address(gradients),
        address(moments),
        address(UpdateReport.require(update)));
    parameters.markWritten();
    moments.markWritten();
    update.markWritten();
  }

  @Override
  public void synchronize() {
    engine();
  }

  @Override
  public void close() {
    if (engine != 0) {
      NativeEngine.sequor_engine_destroy(engine);
      engine = 0;
    }
  }
}
