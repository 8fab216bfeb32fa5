package dev.sequor.backend.host;

import dev.sequor.backend.Closing;
import dev.sequor.backend.DType;
import dev.sequor.backend.Engine;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.PlanGradients;
import dev.sequor.backend.PlanTensors;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A stack of layers in one or two directions, composed from {@link LayerPlan}s.
 *
 * <p>{@code saved} holds, for every layer and direction, what its plan saves, then the outputs
 * (after dropout) of every layer but the last. Between layers, gradients travel through two scratch
 * buffers.
 */
public final class StackedPlan implements EnginePlan {
  /** Keeps parts of {@code saved} on 64-byte boundaries. */
  private static final int ALIGNMENT = 16;

  private final Engine engine;
  private final LayerEngine layers;
  private final RnnShape shape;
  private final Mode mode;
  private final ParameterLayout layout;

  /** Indexed by {@code layer · D + direction}. */
  private final List<LayerPlan> plans = new ArrayList<>();

  private final SequenceRows[] rows;
  private final int[] lengths;
  private final ByteBuffer lengthBytes;
  private final long[] savedOffsets;
  private final long savedElements;

  /** Outputs (inference) or gradients (training) between layers; empty for a single layer. */
  private final List<Memory> between = new ArrayList<>();

  /** Prepares all layers. */
  public <E extends Engine & LayerEngine> StackedPlan(
      E engine, RnnShape shape, Mode mode, WeightStorage weights) {
    this.engine = engine;
    this.layers = engine;
    this.shape = shape;
    this.mode = mode;
    this.layout = shape.parameterLayout();
    int directions = shape.directions();
    this.rows = new SequenceRows[directions];
    for (int d = 0; d < directions; d++) {
      rows[d] = new SequenceRows(shape.timeSteps(), shape.batchSize(), shape.isReverse(d));
    }
    this.lengths = new int[shape.batchSize()];
    this.lengthBytes =
        ByteBuffer.allocateDirect(shape.batchSize() * 4).order(ByteOrder.nativeOrder());
    this.savedOffsets = new long[shape.layers() * directions + shape.layers()];
    try {
      long end = 0;
      for (int block = 0; block < shape.layers() * directions; block++) {
        LayerPlan plan =
            layers.layer(
                new LayerShape(
                    shape.cell(),
                    shape.timeSteps(),
                    shape.batchSize(),
                    shape.layerInputSize(block / directions),
                    shape.hiddenSize(),
                    shape.outputSize(),
                    mode,
                    weights,
                    layout.block(block / directions)));
        plans.add(plan);
        savedOffsets[block] = end;
        end += aligned(plan.savedElements());
      }
      for (int layer = 0; layer < shape.layers() - 1 && mode == Mode.TRAINING; layer++) {
        savedOffsets[shape.layers() * directions + layer] = end;
        end += aligned(shape.outputElements());
      }
      this.savedElements = end;
      int scratch = Math.min(2, shape.layers() - 1);
      for (int i = 0; i < scratch; i++) {
        between.add(engine.allocate(DType.FLOAT32, shape.outputElements()));
      }
    } catch (RuntimeException | Error e) {
      Closing.after(e, this::close);
      throw e;
    }
  }

  private static long aligned(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  @Override
  public long savedElements() {
    return savedElements;
  }

  private void takeLengths(@Nullable Memory given) {
    if (given != null) {
      lengthBytes.clear();
      engine.download(given, lengthBytes);
      lengthBytes.asIntBuffer().get(lengths);
    }
    for (SequenceRows direction : rows) {
      direction.update(given == null ? null : lengths);
    }
  }

  private Memory parameters(Memory flat, int layer, int direction) {
    return flat.slice(layout.blockOffset(layer, direction), layout.blockElements(layer));
  }

  private @Nullable Memory state(@Nullable Memory states, int block) {
    if (states == null) {
      return null;
    }
    long elements = (long) shape.cell().states() * shape.batchSize() * shape.hiddenSize();
    return states.slice(block * elements, elements);
  }

  private @Nullable Memory savedOf(@Nullable Memory saved, int block) {
    return saved == null
        ? null
        : saved.slice(savedOffsets[block], plans.get(block).savedElements());
  }

  /** Where the output of {@code layer}, as its successor sees it, is kept. */
  private Memory outputOf(int layer, @Nullable Memory saved) {
    if (saved == null) {
      return between.get(layer % between.size());
    }
    return saved.slice(
        savedOffsets[shape.layers() * shape.directions() + layer], shape.outputElements());
  }

  private boolean hasDropout() {
    return mode == Mode.TRAINING && shape.dropout() > 0;
  }

  private void dropout(int layer, PlanTensors t, Memory values) {
    Memory key = Objects.requireNonNull(t.dropoutKey());
    engine.dropout(
        shape.outputElements(), shape.outputSize(), shape.dropout(), key, layer, values, values);
  }

  @Override
  public void forward(PlanTensors t) {
    takeLengths(t.lengths());
    Memory parameters = t.parameters();
    Memory initialState = t.initialState();
    Memory finalState = t.finalState();
    Memory saved = t.saved();
    assert mode == Mode.INFERENCE || saved != null;
    Memory x = t.x();
    for (int layer = 0; layer < shape.layers(); layer++) {
      boolean last = layer == shape.layers() - 1;
      Memory y = last ? t.y() : outputOf(layer, saved);
      for (int d = 0; d < shape.directions(); d++) {
        int block = layer * shape.directions() + d;
        plans
            .get(block)
            .forward(
                rows[d],
                parameters(parameters, layer, d),
                x,
                state(initialState, block),
                y,
                d * shape.hiddenSize(),
                state(finalState, block),
                savedOf(saved, block));
      }
      if (!last && hasDropout()) {
        dropout(layer, t, y);
      }
      x = y;
    }
  }

  @Override
  public void backward(PlanTensors t, PlanGradients g) {
    assert mode == Mode.TRAINING;
    takeLengths(t.lengths());
    Memory parameters = t.parameters();
    Memory saved = Objects.requireNonNull(t.saved());
    Memory dFinalState = g.dFinalState();
    Memory dParameters = g.dParameters();
    Memory dInitialState = g.dInitialState();
    Memory dy = g.dy();
    for (int layer = shape.layers() - 1; layer >= 0; layer--) {
      Memory x = layer == 0 ? t.x() : outputOf(layer - 1, saved);
      Memory dx = layer == 0 ? g.dx() : between.get(layer % between.size());
      for (int d = 0; d < shape.directions(); d++) {
        int block = layer * shape.directions() + d;
        plans
            .get(block)
            .backward(
                rows[d],
                parameters(parameters, layer, d),
                x,
                Objects.requireNonNull(savedOf(saved, block)),
                dy,
                d * shape.hiddenSize(),
                state(dFinalState, block),
                parameters(dParameters, layer, d),
                dx,
                d > 0,
                state(dInitialState, block));
      }
      if (layer > 0 && hasDropout()) {
        dropout(layer - 1, t, Objects.requireNonNull(dx));
      }
      dy = dx;
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    plans.forEach(plan -> closing.then(plan::close));
    between.forEach(memory -> closing.then(memory::free));
    closing.end();
  }
}
