package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaMemory.address;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Closing;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.CtcShape;
import dev.sequor.backend.DType;
import dev.sequor.backend.DrawShape;
import dev.sequor.backend.Engine;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.LikeliestShape;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.MaximumShape;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.NormShape;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.SoftmaxShape;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.TokenMix;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateRule;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.cuda.Products.Matrix;
import dev.sequor.backend.options.CellMaths;
import dev.sequor.backend.options.OptionsEngine;
import dev.sequor.backend.options.StateRules;
import dev.sequor.backend.options.StepMaths;
import dev.sequor.backend.options.StepRows;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One NVIDIA GPU. Calls queue work and return; results are ready after a download. */
final class CudaEngine implements OptionsEngine {
  private static final int WARPS_PER_BLOCK = WorkQueue.BLOCK / 32;

  /** Blocks at most whose warps' partial sums a norm or a loss is made of. */
  private static final int MOST_PARTIAL_BLOCKS = 1024;

  /** Elements that a thread should find to add up, before there are more threads. */
  private static final int ELEMENTS_PER_THREAD = 16;

  /**
   * Memory for what lasts no longer than one call. Of fixed size, so that no call in the middle of
   * a training step can fail for want of memory. Sums of columns take what there is ({@link
   * ColumnSums}); how many tokens can be drawn from depends on it ({@link DrawShape}).
   */
  private static final long SCRATCH_BYTES = 4 << 20;

  /** CUDA's limit of the second dimension of a grid. */
  private static final int MOST_GRID_ROWS = 65535;

  /** Columns of a table that a warp works on at once. */
  private static final int EMBEDDING_COLUMNS = 128;

  /** Of one group of parameters: {@code kPreparedBytes} of {@code kernels/optimizer.cu}. */
  private static final int PREPARED_BYTES = 64;

  private final CudaDevice device;
  private final MathMode mode;
  private final LayerPaths layerPaths;
  private final String name;
  private final WorkQueue queue;
  private final DeviceMemory.Block scratch;
  private final ColumnSums columnSums;
  private final DeviceMemory.Block prepared;
  private final RecordedSteps recordedSteps;
  private final Map<CellType, CudaCell> cells = new EnumMap<>(CellType.class);
  private @Nullable Besides besides;
  private @Nullable CudaPeerSum peerSum;
  private boolean closed;

  /** Takes over the device, and closes it when it is closed. */
  CudaEngine(CudaDevice device, MathMode mode) {
    this(device, mode, LayerPaths.ALL);
  }

  /** The same, with other ways to run layers. */
  CudaEngine(CudaDevice device, MathMode mode, LayerPaths layerPaths) {
    this.device = device;
    this.mode = mode;
    this.layerPaths = layerPaths;
    this.name =
        "cuda:"
            + device.ordinal()
            + " "
            + device.name()
            + (mode == MathMode.FP32 ? "" : " (" + mode.name().toLowerCase(Locale.ROOT) + ")");
    this.queue = WorkQueue.main(device, mode);
    try {
      // The device's closing, which is the caller's then, takes memory and staging.
      this.prepared =
          device
              .memory()
              .allocate((long) UpdateGroups.MOST * PREPARED_BYTES, "factors of an update");
      this.scratch = device.memory().allocate(SCRATCH_BYTES, "scratch");
      this.recordedSteps = new RecordedSteps(device);
    } catch (RuntimeException | Error e) {
      Closing.after(e, queue::close);
      throw e;
    }
    this.columnSums = new ColumnSums(queue, scratch.address(), SCRATCH_BYTES / Float.BYTES);
  }

  @Override
  public String name() {
    return name;
  }

  /** The device, as long as this is open. */
  CudaDevice device() {
    if (closed) {
      throw new IllegalStateException(name + " is used after close");
    }
    return device;
  }

  MathMode mathMode() {
    return mode;
  }

  LayerPaths layerPaths() {
    return layerPaths;
  }

  /** The main stream's queue; its device is current on the calling thread afterwards. */
  WorkQueue queue() {
    device().makeCurrent();
    return queue;
  }

  /** The stream beside the main one, made when it is first asked for. */
  Besides besides() {
    if (besides == null) {
      besides = new Besides(device(), queue, mode);
    }
    return besides;
  }

  /** What the kernels say of a cell. */
  CudaCell cell(CellType type) {
    return cells.computeIfAbsent(type, t -> CudaCell.of(t, device(), queue()));
  }

  // ---- memory ----------------------------------------------------------------------------------

  @Override
  public Memory allocate(DType type, long elements) {
    WorkQueue main = queue();
    DeviceMemory.Block block =
        device.memory().allocate(elements * type.bytes(), "buffer of " + elements + " " + type);
    if (elements > 0) {
      main.fill(block.address(), 0, elements * type.bytes() / Integer.BYTES);
    }
    return new CudaMemory(type, elements, block);
  }

  @Override
  public void upload(ByteBuffer source, Memory target) {
    WorkQueue main = queue();
    device.staging().upload(source, address(target), main.stream());
  }

  @Override
  public void download(Memory source, ByteBuffer target) {
    WorkQueue main = queue();
    device.staging().download(address(source), target, main.stream());
  }

  @Override
  public void fill(Memory target, float value) {
    queue().fill(address(target), Float.floatToRawIntBits(value), target.elements());
  }

  @Override
  public void copy(Memory source, Memory target) {
    queue().copy(address(source), address(target), source.elements() * source.type().bytes());
  }

  // ---- layers ----------------------------------------------------------------------------------

  @Override
  public EnginePlan plainPlan(RnnShape shape, Mode mode, WeightStorage weights) {
    queue();
    return new CudaRnnPlan(this, shape, mode);
  }

  @Override
  public StepMaths stepMaths(CellMaths cell, StateRules rules) {
    return new CudaStepMaths(this, rules, StepMaths.describe(this, cell, rules));
  }

  private static KernelArguments arguments(WorkQueue main, StepRows rows) {
    return main.arguments()
        .int32(rows.timeSteps())
        .int32(rows.batchSize())
        .int32(rows.width())
        .int32(rows.reverse() ? 1 : 0)
        .float32(rows.dropout())
        .int32(rows.stream());
  }

  @Override
  public void gatherSteps(
      StepRows rows, Memory x, @Nullable Memory lengths, @Nullable Memory key, Memory target) {
    WorkQueue main = queue();
    arguments(main, rows)
        .pointer(address(x))
        .pointer(address(lengths))
        .pointer(address(key))
        .pointer(address(target));
    main.launch(main.kernel("gather_steps"), rows.elements());
  }

  @Override
  public void scatterSteps(
      StepRows rows,
      Memory from,
      @Nullable Memory lengths,
      @Nullable Memory key,
      boolean add,
      Memory dx) {
    WorkQueue main = queue();
    arguments(main, rows)
        .pointer(address(from))
        .pointer(address(lengths))
        .pointer(address(key))
        .int32(add ? 1 : 0)
        .pointer(address(dx));
    main.launch(main.kernel("scatter_steps"), rows.elements());
  }

  @Override
  public void activation(Activation function, Memory x, Memory y) {
    WorkQueue main = queue();
    main.arguments()
        .int64(x.elements())
        .int32(function.number())
        .pointer(address(x))
        .pointer(address(y));
    main.launch(main.kernel("activation"), x.elements());
  }

  @Override
  public void activationGradient(Activation function, Memory y, Memory dy, Memory dx) {
    activationGradient(y.elements(), function, address(y), address(dy), address(dx));
  }

  private void activationGradient(long elements, Activation function, long y, long dy, long dx) {
    WorkQueue main = queue();
    main.arguments().int64(elements).int32(function.number()).pointer(y).pointer(dy).pointer(dx);
    main.launch(main.kernel("activation_gradient"), elements);
  }

  @Override
  public void multiply(long elements, Memory a, Memory b, Memory y, boolean add) {
    WorkQueue main = queue();
    main.arguments()
        .int64(elements)
        .int32(add ? 1 : 0)
        .pointer(address(a))
        .pointer(address(b))
        .pointer(address(y));
    main.launch(main.kernel("multiply"), elements);
  }

  @Override
  public void maximumOverTime(
      MaximumShape shape, Memory x, @Nullable Memory lengths, Memory y, Memory from) {
    WorkQueue main = queue();
    main.arguments()
        .int32(shape.timeSteps())
        .int32(shape.batchSize())
        .int32(shape.width())
        .pointer(address(x))
        .pointer(address(lengths))
        .pointer(address(y))
        .pointer(address(from));
    main.launch(main.kernel("maximum_over_time"), shape.outputElements());
  }

  @Override
  public void copyColumns(ColumnCopy copy, Memory source, Memory target) {
    WorkQueue main = queue();
    main.arguments()
        .int64(copy.rows())
        .int32(copy.width())
        .pointer(address(source) + (long) copy.sourceColumn() * Float.BYTES)
        .int32(copy.sourceStride())
        .float32(copy.factor())
        .int32(copy.add() ? 1 : 0)
        .pointer(address(target) + (long) copy.targetColumn() * Float.BYTES)
        .int32(copy.targetStride());
    main.launch(main.kernel("copy_columns"), (long) copy.rows() * copy.width());
  }

  @Override
  public void layerNormForward(
      NormShape shape, Memory x, Memory parameters, Memory y, Memory saved) {
    WorkQueue main = queue();
    main.arguments()
        .int32(shape.rows())
        .int32(shape.width())
        .float32(shape.epsilon())
        .pointer(address(x))
        .pointer(address(parameters))
        .pointer(address(y))
        .pointer(address(saved));
    main.launch(main.kernel("layer_norm_forward"), warps(shape.rows()), 1, WorkQueue.BLOCK);
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
    WorkQueue main = queue();
    columnSums.addNormGradients(
        shape.rows(), shape.width(), address(x), address(saved), address(dy), address(dParameters));
    if (dx != null) {
      main.arguments()
          .int32(shape.rows())
          .int32(shape.width())
          .pointer(address(x))
          .pointer(address(parameters))
          .pointer(address(saved))
          .pointer(address(dy))
          .pointer(address(dx));
      main.launch(main.kernel("layer_norm_backward"), warps(shape.rows()), 1, WorkQueue.BLOCK);
    }
  }

  @Override
  public void softmaxForward(SoftmaxShape shape, Memory x, Memory y) {
    WorkQueue main = queue();
    main.arguments()
        .int32(shape.rows())
        .int32(shape.width())
        .int32(shape.logarithm() ? 1 : 0)
        .pointer(address(x))
        .pointer(address(y));
    main.launch(main.kernel("softmax_forward"), warps(shape.rows()), 1, WorkQueue.BLOCK);
  }

  @Override
  public void softmaxBackward(SoftmaxShape shape, Memory y, Memory dy, Memory dx) {
    WorkQueue main = queue();
    main.arguments()
        .int32(shape.rows())
        .int32(shape.width())
        .int32(shape.logarithm() ? 1 : 0)
        .pointer(address(y))
        .pointer(address(dy))
        .pointer(address(dx));
    main.launch(main.kernel("softmax_backward"), warps(shape.rows()), 1, WorkQueue.BLOCK);
  }

  /** Blocks that have a warp for each row. */
  private static int warps(int rows) {
    return (rows - 1) / WARPS_PER_BLOCK + 1;
  }

  @Override
  public void dropout(
      long elements, int width, float p, Memory key, int stream, Memory x, Memory y) {
    dropout(elements, width, p, address(key), stream, address(x), address(y));
  }

  /** The same of addresses. */
  void dropout(long elements, int width, float p, long key, int stream, long x, long y) {
    WorkQueue main = queue();
    main.arguments()
        .int64(elements)
        .int32(width)
        .int32(Philox.dropThreshold(p))
        .float32(1 / (1 - p))
        .pointer(key)
        .int32(stream)
        .pointer(x)
        .pointer(y);
    main.launch(main.kernel("dropout"), (elements + 3) / 4);
  }

  @Override
  public void linearForward(
      LinearShape shape, Memory x, Memory weight, @Nullable Memory bias, Memory y) {
    WorkQueue main = queue();
    int m = shape.rows();
    int k = shape.inputSize();
    int n = shape.outputSize();
    main.products()
        .multiplyFloats(
            m,
            n,
            k,
            Matrix.of(address(x), k),
            Matrix.transposed(address(weight), k),
            false,
            address(y),
            n);
    if (bias != null || shape.activation() != Activation.NONE) {
      main.arguments()
          .int64(m)
          .int32(n)
          .pointer(address(bias))
          .int32(shape.activation().number())
          .pointer(address(y));
      main.launch(main.kernel("bias_activation"), (long) m * n);
    }
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
    WorkQueue main = queue();
    int m = shape.rows();
    int k = shape.inputSize();
    int n = shape.outputSize();
    if (shape.activation() != Activation.NONE) {
      activationGradient((long) m * n, shape.activation(), address(y), address(dy), address(dy));
    }
    if (dWeight != null) {
      main.products()
          .multiplyFloats(
              n,
              k,
              m,
              Matrix.transposed(address(dy), n),
              Matrix.of(address(x), k),
              true,
              address(dWeight),
              k);
    }
    if (dx != null) {
      main.products()
          .multiplyFloats(
              m,
              k,
              n,
              Matrix.of(address(dy), n),
              Matrix.of(address(weight), k),
              false,
              address(dx),
              k);
    }
    if (dBias != null) {
      columnSums.addFloats(m, n, address(dy), address(dBias));
    }
  }

  @Override
  public void embeddingForward(
      int rows, int width, Memory tokens, @Nullable Memory table, Memory y) {
    WorkQueue main = queue();
    main.arguments()
        .int32(rows)
        .int32(width)
        .pointer(address(tokens))
        .pointer(address(table))
        .pointer(address(y));
    main.launch(main.kernel("embedding_forward"), (long) rows * width);
  }

  @Override
  public void embeddingBackward(int rows, int width, Memory tokens, Memory dy, Memory dTable) {
    WorkQueue main = queue();
    int vocabulary = Math.toIntExact(dTable.elements() / width);
    main.arguments()
        .int32(rows)
        .int32(width)
        .int32(vocabulary)
        .pointer(address(tokens))
        .pointer(address(dy))
        .pointer(address(dTable));
    main.launch(
        main.kernel("embedding_backward"),
        warps(vocabulary),
        Math.min((width - 1) / EMBEDDING_COLUMNS + 1, MOST_GRID_ROWS),
        WorkQueue.BLOCK);
  }

  // ---- training --------------------------------------------------------------------------------

  @Override
  public boolean wantsLossScaling() {
    return mode == MathMode.FP16;
  }

  @Override
  public boolean recordsSteps() {
    return true;
  }

  @Override
  public void step(Object step, List<StepInput> inputs, Runnable work) {
    queue();
    recordedSteps.run(step, inputs, work);
  }

  @Override
  public void forgetStep(Object step) {
    queue();
    recordedSteps.forget(step);
  }

  /** Whether work is being recorded into a graph instead of running. */
  boolean recording() {
    return device.recordings().recorder().recording();
  }

  /**
   * The number of the recording of a step under way. Within one, what was made of unchanged weights
   * need not be made again; a replay may find other weights.
   */
  long recordingNumber() {
    return recordedSteps.recordings();
  }

  /** How often a recording of a step has run. Each time, the packing that is part of it did too. */
  long stepLaunches() {
    return recordedSteps.launches();
  }

  @Override
  public boolean isAsynchronous() {
    return true;
  }

  @Override
  public int mostTokens(DrawShape shape) {
    int bytes = shape.temperature() == 0 ? 0 : Double.BYTES;
    bytes += shape.needsOrder() ? Integer.BYTES : 0;
    return bytes == 0 ? Integer.MAX_VALUE : (int) (SCRATCH_BYTES / bytes);
  }

  @Override
  public void drawTokens(
      DrawShape shape,
      int rows,
      Memory keys,
      Memory first,
      int index,
      Memory logits,
      @Nullable Memory seen,
      Memory tokens) {
    int vocabulary = shape.vocabularySize();
    long fitting = mostTokens(shape) / vocabulary;
    int atOnce = (int) Math.min(Math.min(rows, MOST_GRID_ROWS), fitting);
    for (int row = 0; row < rows; row += atOnce) {
      long at = (long) row * vocabulary;
      drawTokens(
          shape,
          Math.min(atOnce, rows - row),
          address(keys) + (long) row * RandomKey.ELEMENTS * Integer.BYTES,
          address(first),
          index,
          address(logits) + at * Float.BYTES,
          seen == null ? 0 : address(seen) + at * Integer.BYTES,
          address(tokens) + (long) row * Integer.BYTES);
    }
  }

  private void drawTokens(
      DrawShape shape,
      int rows,
      long keys,
      long first,
      int index,
      long logits,
      long seen,
      long tokens) {
    WorkQueue main = queue();
    int vocabulary = shape.vocabularySize();
    long weights = scratch.address();
    long order = shape.needsOrder() ? weights + (long) rows * vocabulary * Double.BYTES : 0;
    if (order != 0) {
      main.arguments()
          .int32(vocabulary)
          .float32(shape.repetitionPenalty())
          .pointer(logits)
          .pointer(seen)
          .pointer(order);
      int blocks = (vocabulary - 1) / WorkQueue.BLOCK + 1;
      main.launch(main.kernel("rank_tokens"), blocks, rows, WorkQueue.BLOCK);
    }
    main.arguments()
        .int32(vocabulary)
        .float32(shape.temperature())
        .int32(shape.tokensKept())
        .float32(shape.topP())
        .float32(shape.minP())
        .float32(shape.repetitionPenalty())
        .pointer(keys)
        .pointer(first)
        .int32(index)
        .pointer(logits)
        .pointer(seen)
        .pointer(order)
        .pointer(weights)
        .pointer(tokens);
    main.launch(main.kernel("draw_token"), rows, 1, 32);
  }

  @Override
  public void likeliest(LikeliestShape shape, Memory logits, Memory tokens, Memory logarithms) {
    WorkQueue main = queue();
    main.arguments()
        .int32(shape.rows())
        .int32(shape.vocabularySize())
        .int32(shape.count())
        .pointer(address(logits))
        .pointer(address(tokens))
        .pointer(address(logarithms));
    main.launch(main.kernel("likeliest_tokens"), warps(shape.rows()), 1, WorkQueue.BLOCK);
  }

  @Override
  public void mixTokens(
      TokenMix mix, Memory key, Memory threshold, Memory given, Memory predicted, Memory mixed) {
    WorkQueue main = queue();
    main.arguments()
        .int32(mix.elements())
        .int32(mix.batchSize())
        .pointer(address(key))
        .pointer(address(threshold))
        .pointer(address(given))
        .pointer(address(predicted))
        .pointer(address(mixed));
    main.launch(main.kernel("mix_tokens"), mix.elements());
  }

  private static int partialBlocks(long work, int workPerBlock) {
    return (int) Math.min(MOST_PARTIAL_BLOCKS, Math.max(1, work / workPerBlock));
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
    WorkQueue main = queue();
    KernelArguments arguments = main.arguments().int32(shape.function().number());
    float[] constants = shape.loss().constants();
    for (int i = 0; i < LossShape.MOST_CONSTANTS; i++) {
      arguments.float32(i < constants.length ? constants[i] : 0f);
    }
    arguments
        .int32(shape.timeSteps())
        .int32(shape.batchSize())
        .int32(shape.outputSize())
        .pointer(address(outputs))
        .pointer(address(targets))
        .pointer(address(lengths))
        .pointer(address(weights))
        .pointer(address(gradientScale))
        .pointer(address(lossScale))
        .pointer(address(dOutputs))
        .pointer(scratch.address());
    int blocks = partialBlocks((long) shape.timeSteps() * shape.batchSize(), WARPS_PER_BLOCK);
    main.launch(main.kernel("partial_losses"), blocks, 1, WorkQueue.BLOCK);
    main.arguments()
        .int32(blocks * WARPS_PER_BLOCK)
        .pointer(scratch.address())
        .pointer(address(result));
    main.launch(main.kernel("finish_loss"), 1, 1, 32);
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
    WorkQueue main = queue();
    int rows = shape.timeSteps() * shape.batchSize();
    ctcSizes(shape)
        .pointer(address(outputs))
        .pointer(address(labelLengths))
        .pointer(address(lengths))
        .pointer(address(workspace));
    main.launch(main.kernel("ctc_rows"), warps(rows), 1, WorkQueue.BLOCK);
    ctcSizes(shape)
        .pointer(address(outputs))
        .pointer(address(labels))
        .pointer(address(labelLengths))
        .pointer(address(lengths))
        .int32(dOutputs == null ? 0 : 1)
        .pointer(address(workspace));
    main.launch(main.kernel("ctc_sequences"), shape.batchSize(), 1, WorkQueue.BLOCK);
    if (dOutputs != null) {
      ctcSizes(shape)
          .pointer(address(outputs))
          .pointer(address(labels))
          .pointer(address(labelLengths))
          .pointer(address(lengths))
          .pointer(address(gradientScale))
          .pointer(address(lossScale))
          .pointer(address(dOutputs))
          .pointer(address(workspace));
      main.launch(main.kernel("ctc_gradients"), warps(rows), 1, WorkQueue.BLOCK);
    }
    ctcSizes(shape)
        .pointer(address(labelLengths))
        .pointer(address(lengths))
        .pointer(address(workspace))
        .pointer(address(result));
    main.launch(main.kernel("finish_ctc"), 1, 1, 32);
  }

  /** New arguments of a kernel of {@code kernels/ctc.cu}, which all begin like this. */
  private KernelArguments ctcSizes(CtcShape shape) {
    return queue()
        .arguments()
        .int32(shape.timeSteps())
        .int32(shape.batchSize())
        .int32(shape.outputSize())
        .int32(shape.mostLabels())
        .int32(shape.blank());
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
    WorkQueue main = queue();
    long elements = parameters.elements();
    int blocks = partialBlocks(elements, ELEMENTS_PER_THREAD * WorkQueue.BLOCK);
    int regions = groups == null ? 0 : groups.regions();
    long ends = address(groups == null ? null : groups.ends().memory());
    long ofRegions = address(groups == null ? null : groups.groups().memory());
    main.arguments()
        .int64(elements)
        .pointer(address(gradients))
        .int32(regions)
        .pointer(ends)
        .pointer(ofRegions)
        .pointer(scratch.address());
    main.launch(main.kernel("partial_squares"), blocks, 1, WorkQueue.BLOCK);
    main.arguments()
        .int32(rule.number())
        .int32(groups == null ? 1 : (int) (numbers.elements() / OptimizerStep.ELEMENTS))
        .int32(blocks * WARPS_PER_BLOCK)
        .pointer(scratch.address())
        .pointer(address(numbers))
        .pointer(address(report))
        .pointer(prepared.address());
    main.launch(main.kernel("begin_update"), 1, 1, 32);
    main.arguments()
        .int32(rule.number())
        .int64(elements)
        .int32(regions)
        .pointer(ends)
        .pointer(ofRegions)
        .pointer(prepared.address())
        .pointer(address(gradients))
        .pointer(address(parameters))
        .pointer(address(moments));
    main.launch(main.kernel("optimizer_step"), elements);
  }

  @Override
  public String arithmetic() {
    return "compute capability " + CudaErrors.capability(device().computeCapability());
  }

  @Override
  public @Nullable CudaPeerSum peerSum(List<Engine> all, int self) {
    if (peerSum == null) {
      peerSum = CudaPeerSum.of(this, all, self);
    }
    return peerSum;
  }

  @Override
  public void synchronize() {
    queue().stream().synchronize();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    Closing closing = new Closing().then(device::makeCurrent);
    if (besides != null) {
      closing.then(besides::close);
    }
    if (peerSum != null) {
      closing.then(peerSum::close);
    }
    closing.then(recordedSteps::close);
    closing.then(queue::close);
    closing.then(scratch::close);
    closing.then(prepared::close);
    closing.then(device::close);
    closing.end();
  }
}
