package dev.sequor.backend.cpu;

import static dev.sequor.backend.cpu.CpuMemory.address;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerPlan;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.SequenceRows;
import org.jspecify.annotations.Nullable;

/** One direction of one layer on the native engine. */
final class CpuLayerPlan implements LayerPlan {
  /** No version of any buffer. */
  private static final long NEVER = -1;

  private final LayerShape shape;
  private final PackedWeights packedWeights;
  private long layer;

  /** What forward passes read; null before the first. */
  private PackedWeights.@Nullable Copy weights;

  // Which weights the backward pass has packed, which are for it alone.
  private long backwardAddress;
  private long backwardVersion = NEVER;

  CpuLayerPlan(long engine, LayerShape shape, PackedWeights packedWeights) {
    this.shape = shape;
    this.packedWeights = packedWeights;
    this.layer =
        NativeEngine.sequor_layer_create(
            engine,
            shape.cell().nativeName(),
            shape.timeSteps(),
            shape.batchSize(),
            shape.inputSize(),
            shape.hiddenSize(),
            shape.outputStride(),
            shape.mode() == Mode.TRAINING ? 1 : 0,
            code(shape.weights()),
            numbers(shape.block()));
    if (layer == 0) {
      throw new DeviceMemoryException("cpu: no memory for " + shape);
    }
  }

  /** The number that engine.h gives it. */
  private static int code(WeightStorage weights) {
    return switch (weights) {
      case FLOAT32 -> 0;
      case BFLOAT16 -> 1;
      case INT8 -> 2;
    };
  }

  /** The members of engine.h's {@code SeqBlockLayout}, in its order. */
  private static long[] numbers(BlockLayout block) {
    return new long[] {
      block.inputWeights(),
      block.recurrentWeights(),
      block.inputBias(),
      block.recurrentBias(),
      block.peepholes()
    };
  }

  /** The address of the native layer. */
  long layer() {
    return layer;
  }

  /**
   * Gets ready for a forward pass with these parameters, whose contents it will see.
   *
   * @return whether it has to pack them
   */
  boolean takeWeights(Memory parameters) {
    PackedWeights.Copy known = weights;
    if (known == null || !known.isOf(parameters)) {
      known = packedWeights.of(shape, layer, parameters, known);
      weights = known;
      NativeEngine.sequor_layer_use_weights(layer, known.handle());
    }
    return known.take(parameters);
  }

  @Override
  public long savedElements() {
    return NativeEngine.sequor_layer_saved_elements(layer);
  }

  private void take(SequenceRows rows) {
    NativeEngine.sequor_layer_rows(
        layer,
        rows.steps(),
        rows.isIdentity() ? 1 : 0,
        rows.offsets(),
        rows.paddedRows(),
        rows.order(),
        rows.padding(),
        rows.paddingCount());
  }

  @Override
  public void forward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      @Nullable Memory initialState,
      Memory y,
      int yColumn,
      @Nullable Memory finalState,
      @Nullable Memory saved) {
    take(rows);
    boolean repack = takeWeights(parameters);
    NativeEngine.sequor_layer_forward(
        layer,
        address(parameters),
        repack ? 1 : 0,
        address(x),
        address(initialState),
        address(y) + 4L * yColumn,
        address(finalState),
        address(saved));
  }

  @Override
  public void backward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      Memory saved,
      @Nullable Memory dy,
      int yColumn,
      @Nullable Memory dFinalState,
      Memory dParameters,
      @Nullable Memory dx,
      boolean addToDx,
      @Nullable Memory dInitialState) {
    take(rows);
    long block = address(parameters);
    boolean repack = backwardVersion != parameters.version() || backwardAddress != block;
    NativeEngine.sequor_layer_backward(
        layer,
        block,
        repack ? 1 : 0,
        address(x),
        address(saved),
        dy == null ? 0 : address(dy) + 4L * yColumn,
        address(dFinalState),
        address(dParameters),
        address(dx),
        addToDx ? 1 : 0,
        address(dInitialState));
    backwardAddress = block;
    backwardVersion = parameters.version();
  }

  @Override
  public void close() {
    NativeEngine.sequor_layer_destroy(layer);
    layer = 0;
    if (weights != null) {
      weights.release();
      weights = null;
    }
  }
}
