package dev.sequor.backend.cpu;

import static dev.sequor.backend.cpu.CpuMemory.address;

import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.PlanGradients;
import dev.sequor.backend.PlanTensors;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.SequenceRows;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A stack of one direction over a single time step, in inference: one call into native code for the
 * whole stack, and no Java object.
 */
final class CpuStepPlan implements EnginePlan {
  private final CpuEngine engine;
  private final List<CpuLayerPlan> layers = new ArrayList<>();
  private final SequenceRows rows;
  private final int[] lengths;
  private final ByteBuffer lengthBytes;
  private boolean everySequenceRuns = true;
  private long stack;

  /** The parameters of the pass before, whose {@link #blocks} are those of the layers. */
  private @Nullable Memory parameters;

  private final List<Memory> blocks = new ArrayList<>();
  private final ParameterLayout layout;

  CpuStepPlan(CpuEngine engine, RnnShape shape, WeightStorage weights) {
    assert shape.timeSteps() == 1 && shape.directions() == 1;
    this.engine = engine;
    this.rows = new SequenceRows(1, shape.batchSize(), false);
    this.lengths = new int[shape.batchSize()];
    this.lengthBytes =
        ByteBuffer.allocateDirect(shape.batchSize() * Integer.BYTES).order(ByteOrder.nativeOrder());
    this.layout = shape.parameterLayout();
    try {
      for (int layer = 0; layer < shape.layers(); layer++) {
        layers.add(
            engine.layer(
                new LayerShape(
                    shape.cell(),
                    1,
                    shape.batchSize(),
                    shape.layerInputSize(layer),
                    shape.hiddenSize(),
                    shape.hiddenSize(),
                    Mode.INFERENCE,
                    weights,
                    layout.block(layer))));
      }
      long[] addresses = layers.stream().mapToLong(CpuLayerPlan::layer).toArray();
      long[] blocks =
          IntStream.range(0, shape.layers())
              .mapToLong(layer -> layout.blockOffset(layer, 0))
              .toArray();
      stack = NativeEngine.sequor_stack_create(addresses, blocks, addresses.length);
      if (stack == 0) {
        throw new DeviceMemoryException("cpu: no memory for " + shape);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  @Override
  public long savedElements() {
    return 0;
  }

  private void takeLengths(@Nullable Memory given) {
    if (given != null) {
      lengthBytes.clear();
      engine.download(given, lengthBytes);
      lengthBytes.asIntBuffer().get(lengths);
    }
    rows.update(given == null ? null : lengths);
    NativeEngine.sequor_stack_rows(
        stack,
        rows.steps(),
        rows.isIdentity() ? 1 : 0,
        rows.offsets(),
        rows.paddedRows(),
        rows.order(),
        rows.padding(),
        rows.paddingCount());
    everySequenceRuns = given == null;
  }

  @Override
  public void forward(PlanTensors t) {
    if (t.lengths() != null || !everySequenceRuns) {
      takeLengths(t.lengths());
    }
    NativeEngine.sequor_stack_step(
        stack,
        address(t.parameters()),
        takeWeights(t.parameters()) ? 1 : 0,
        address(t.x()),
        address(t.initialState()),
        address(t.y()),
        address(t.finalState()));
  }

  /** Gets ready for a step with these parameters; says whether it has to pack them. */
  private boolean takeWeights(Memory flat) {
    if (parameters != flat) {
      blocks.clear();
      for (int layer = 0; layer < layers.size(); layer++) {
        blocks.add(flat.slice(layout.blockOffset(layer, 0), layout.blockElements(layer)));
      }
      parameters = flat;
    }
    boolean repack = false;
    for (int layer = 0; layer < layers.size(); layer++) {
      repack |= layers.get(layer).takeWeights(blocks.get(layer));
    }
    return repack;
  }

  @Override
  public void backward(PlanTensors tensors, PlanGradients gradients) {
    throw new IllegalStateException("backward of a plan for inference; needed one for training");
  }

  @Override
  public void close() {
    NativeEngine.sequor_stack_destroy(stack);
    stack = 0;
    layers.forEach(CpuLayerPlan::close);
  }
}
