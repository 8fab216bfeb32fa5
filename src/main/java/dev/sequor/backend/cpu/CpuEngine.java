package dev.sequor.backend.cpu;

import static dev.sequor.backend.cpu.CpuMemory.address;

import dev.sequor.backend.Activation;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.CtcShape;
import dev.sequor.backend.DType;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.MaximumShape;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.NormShape;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.SoftmaxShape;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateRule;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerEngine;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.StackedPlan;
import dev.sequor.backend.options.CellMaths;
import dev.sequor.backend.options.OptionsEngine;
import dev.sequor.backend.options.StateRules;
import dev.sequor.backend.options.StepMaths;
import dev.sequor.backend.options.StepRows;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/** The native engine. Every call has finished when it returns. */
final class CpuEngine implements OptionsEngine, LayerEngine {
  private final String name;
  private final long engine;
  private final CpuProducts products;
  private final PackedWeights packedWeights = new PackedWeights();

  /**
   * Opens the engine with one instruction set ("AVX-512", "AVX2" or "baseline") and a team of
   * threads. Its products are of float32.
   */
  CpuEngine(String instructionSet, int threads) {
    this(instructionSet, threads, false);
  }

  /**
   * The same.
   *
   * @param sharesEverything whether all threads share even layers that one alone does faster
   */
  CpuEngine(String instructionSet, int threads, boolean sharesEverything) {
    this(instructionSet, threads, sharesEverything, CpuProducts.FLOAT32);
  }

  /**
   * The same.
   *
   * @param products what matrix products multiply
   */
  CpuEngine(String instructionSet, int threads, boolean sharesEverything, CpuProducts products) {
    this.products = products;
    name =
        "cpu ("
            + instructionSet
            + ", "
            + threads
            + (threads == 1 ? " thread" : " threads")
            + products.words(instructionSet)
            + ")";
    engine =
        NativeEngine.sequor_engine_create(
            instructionSet, threads, sharesEverything ? 1 : 0, products.number());
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
  public boolean isBatchInvariant() {
    return true;
  }

  @Override
  public String name() {
    return name;
  }

  /** What its plans have packed. */
  PackedWeights packedWeights() {
    return packedWeights;
  }

  /** The address of the native engine. */
  long nativeEngine() {
    return engine;
  }

  @Override
  public Memory allocate(DType type, long elements) {
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
    return new CpuMemory(type, elements, memory);
  }

  /** Native code sees a buffer from its first byte on. */
  private static ByteBuffer fromZero(ByteBuffer host) {
    return host.position() == 0 ? host : host.slice(); // a slice is an object
  }

  @Override
  public void upload(ByteBuffer source, Memory target) {
    ByteBuffer bytes = fromZero(source);
    NativeEngine.sequor_copy(address(target), bytes, bytes.remaining());
  }

  @Override
  public void download(Memory source, ByteBuffer target) {
    ByteBuffer bytes = fromZero(target);
    NativeEngine.sequor_copy(bytes, address(source), bytes.remaining());
  }

  @Override
  public @Nullable FloatBuffer onHost(Memory memory) {
    return ((CpuMemory) memory).floats();
  }

  @Override
  public void fill(Memory target, float value) {
    NativeEngine.sequor_fill(address(target), target.elements(), value);
  }

  @Override
  public void copy(Memory source, Memory target) {
    NativeEngine.sequor_copy(
        address(target), address(source), source.elements() * source.type().bytes());
  }

  @Override
  public boolean keeps(WeightStorage weights) {
    // int8 weights are multiplied by float32.
    return products == CpuProducts.FLOAT32 || weights != WeightStorage.INT8;
  }

  @Override
  public EnginePlan plainPlan(RnnShape shape, Mode mode, WeightStorage weights) {
    return mode == Mode.INFERENCE && shape.timeSteps() == 1 && shape.directions() == 1
        ? new CpuStepPlan(this, shape, weights)
        : new StackedPlan(this, shape, mode, weights);
  }

  @Override
  public CpuLayerPlan layer(LayerShape shape) {
    return new CpuLayerPlan(engine, shape, packedWeights);
  }

  @Override
  public void activation(Activation function, Memory x, Memory y) {
    NativeEngine.sequor_activation(engine, function.number(), x.elements(), address(x), address(y));
  }

  @Override
  public void activationGradient(Activation function, Memory y, Memory dy, Memory dx) {
    NativeEngine.sequor_activation_gradient(
        engine, function.number(), y.elements(), address(y), address(dy), address(dx));
  }

  @Override
  public void multiply(long elements, Memory a, Memory b, Memory y, boolean add) {
    NativeEngine.sequor_multiply(engine, elements, add ? 1 : 0, address(a), address(b), address(y));
  }

  @Override
  public void maximumOverTime(
      MaximumShape shape, Memory x, @Nullable Memory lengths, Memory y, Memory from) {
    NativeEngine.sequor_maximum_over_time(
        engine,
        shape.timeSteps(),
        shape.batchSize(),
        shape.width(),
        address(x),
        address(lengths),
        address(y),
        address(from));
  }

  @Override
  public void copyColumns(ColumnCopy copy, Memory source, Memory target) {
    NativeEngine.sequor_copy_columns(
        engine,
        copy.rows(),
        copy.width(),
        copy.sourceColumn(),
        copy.sourceStride(),
        copy.targetColumn(),
        copy.targetStride(),
        copy.factor(),
        copy.add() ? 1 : 0,
        address(source),
        address(target));
  }

  @Override
  public void layerNormForward(
      NormShape shape, Memory x, Memory parameters, Memory y, Memory saved) {
    NativeEngine.sequor_layer_norm_forward(
        engine,
        shape.rows(),
        shape.width(),
        shape.epsilon(),
        address(x),
        address(parameters),
        address(y),
        address(saved));
  }

  @Override
  public void layerNormBackward(
      NormShape shape,
      Memory x,
      Memory parameters,
      Memory saved,
      Memory dy,
      @Nullable Memory dx,
      Memory dParameters) {
    NativeEngine.sequor_layer_norm_backward(
        engine,
        shape.rows(),
        shape.width(),
        address(x),
        address(parameters),
        address(saved),
        address(dy),
        address(dx),
        address(dParameters));
  }

  @Override
  public void softmaxForward(SoftmaxShape shape, Memory x, Memory y) {
    NativeEngine.sequor_softmax_forward(
        engine, shape.rows(), shape.width(), shape.logarithm() ? 1 : 0, address(x), address(y));
  }

  @Override
  public void softmaxBackward(SoftmaxShape shape, Memory y, Memory dy, Memory dx) {
    NativeEngine.sequor_softmax_backward(
        engine,
        shape.rows(),
        shape.width(),
        shape.logarithm() ? 1 : 0,
        address(y),
        address(dy),
        address(dx));
  }

  @Override
  public void dropout(
      long elements, int width, float p, Memory key, int stream, Memory x, Memory y) {
    NativeEngine.sequor_dropout(
        engine, elements, width, p, address(key), stream, address(x), address(y));
  }

  @Override
  public StepMaths stepMaths(CellMaths cell, StateRules rules) {
    return new CpuStepMaths(engine, StepMaths.describe(this, cell, rules));
  }

  @Override
  public void gatherSteps(
      StepRows rows, Memory x, @Nullable Memory lengths, @Nullable Memory key, Memory target) {
    NativeEngine.sequor_gather_steps(
        engine,
        rows.timeSteps(),
        rows.batchSize(),
        rows.width(),
        rows.reverse() ? 1 : 0,
        rows.dropout(),
        rows.stream(),
        address(x),
        address(lengths),
        address(key),
        address(target));
  }

  @Override
  public void scatterSteps(
      StepRows rows,
      Memory from,
      @Nullable Memory lengths,
      @Nullable Memory key,
      boolean add,
      Memory dx) {
    NativeEngine.sequor_scatter_steps(
        engine,
        rows.timeSteps(),
        rows.batchSize(),
        rows.width(),
        rows.reverse() ? 1 : 0,
        rows.dropout(),
        rows.stream(),
        address(from),
        address(lengths),
        address(key),
        add ? 1 : 0,
        address(dx));
  }

  @Override
  public void linearForward(
      LinearShape shape, Memory x, Memory weight, @Nullable Memory bias, Memory y) {
    NativeEngine.sequor_linear_forward(
        engine,
        shape.rows(),
        shape.inputSize(),
        shape.outputSize(),
        shape.activation().number(),
        address(x),
        address(weight),
        address(bias),
        address(y));
  }

  @Override
  public void linearBackward(
      LinearShape shape,
      Memory x,
      Memory weight,
      Memory y,
      Memory dy,
      @Nullable Memory dx,
      @Nullable Memory dWeight,
      @Nullable Memory dBias) {
    NativeEngine.sequor_linear_backward(
        engine,
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
  }

  @Override
  public void embeddingForward(
      int rows, int width, Memory tokens, @Nullable Memory table, Memory y) {
    NativeEngine.sequor_embedding_forward(
        engine, rows, width, address(tokens), address(table), address(y));
  }

  @Override
  public void embeddingBackward(int rows, int width, Memory tokens, Memory dy, Memory dTable) {
    NativeEngine.sequor_embedding_backward(
        engine, rows, width, address(tokens), address(dy), address(dTable));
  }

  @Override
  public void loss(
      LossShape shape,
      Memory outputs,
      Memory targets,
      @Nullable Memory lengths,
      @Nullable Memory weights,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory result) {
    NativeEngine.sequor_loss(
        engine,
        shape.function().number(),
        shape.loss().constants(),
        shape.timeSteps(),
        shape.batchSize(),
        shape.outputSize(),
        address(outputs),
        address(targets),
        address(lengths),
        address(weights),
        address(gradientScale),
        address(lossScale),
        address(dOutputs),
        address(result));
  }

  @Override
  public void ctcLoss(
      CtcShape shape,
      Memory outputs,
      Memory labels,
      Memory labelLengths,
      @Nullable Memory lengths,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory workspace,
      Memory result) {
    NativeEngine.sequor_ctc_loss(
        engine,
        shape.timeSteps(),
        shape.batchSize(),
        shape.outputSize(),
        shape.mostLabels(),
        shape.blank(),
        address(outputs),
        address(labels),
        address(labelLengths),
        address(lengths),
        address(gradientScale),
        address(lossScale),
        address(dOutputs),
        address(workspace),
        address(result));
  }

  @Override
  public void optimizerStep(
      UpdateRule rule,
      Memory numbers,
      @Nullable UpdateGroups groups,
      Memory parameters,
      Memory gradients,
      Memory moments,
      Memory report) {
    NativeEngine.sequor_optimizer_step(
        engine,
        rule.number(),
        address(numbers),
        groups == null ? 0 : groups.regions(),
        address(groups == null ? null : groups.ends().memory()),
        address(groups == null ? null : groups.groups().memory()),
        parameters.elements(),
        address(parameters),
        address(gradients),
        address(moments),
        address(report));
  }

  @Override
  public void close() {
    NativeEngine.sequor_engine_destroy(engine);
  }
}
