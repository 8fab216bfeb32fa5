package dev.sequor.backend.host;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stack of layers in one or two directions, composed from {@link LayerPlan}s.
 *
 * <p>{@code saved} holds, for every layer and direction, what its plan saves, then the outputs
 * (after dropout) of every layer but the last. Between layers, gradients travel through two scratch
 * buffers.
 */
public final class StackedPlan implements RnnPlan {
  /** Keeps parts of {@code saved} on 64-byte boundaries. */
  private static final int ALIGNMENT = 16;

  private final Backend backend;
  private final LayerEngine engine;
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
  private final List<Buffer> between = new ArrayList<>();

  /** Prepares all layers. */
  public StackedPlan(
      Backend backend, LayerEngine engine, RnnShape shape, Mode mode, WeightStorage weights) {
    this.backend = backend;
    this.engine = engine;
    this.shape = shape;
    this.mode = mode;
    this.layout = shape.parameterLayout();
    int directions = shape.directions();
    this.rows = new SequenceRows[directions];
    for (int d = 0; d < directions; d++) {
      rows[d] = new SequenceRows(shape.timeSteps(), shape.batchSize(), d == 1);
    }
    this.lengths = new int[shape.batchSize()];
    this.lengthBytes =
        ByteBuffer.allocateDirect(shape.batchSize() * 4).order(ByteOrder.nativeOrder());
    this.savedOffsets = new long[shape.layers() * directions + shape.layers()];
    try {
      long end = 0;
      for (int block = 0; block < shape.layers() * directions; block++) {
        LayerPlan plan =
            engine.layer(
                new LayerShape(
                    shape.cell(),
                    shape.timeSteps(),
                    shape.batchSize(),
                    shape.layerInputSize(block / directions),
                    shape.hiddenSize(),
                    shape.outputSize(),
                    mode,
                    weights));
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
        between.add(backend.allocate(DType.FLOAT32, shape.outputElements()));
      }
    } catch (RuntimeException | Error e) {
      close();
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

  private void takeLengths(@Nullable Buffer lengthsBuffer) {
    if (lengthsBuffer != null) {
      lengthBytes.clear();
      backend.download(lengthsBuffer, lengthBytes);
      lengthBytes.asIntBuffer().get(lengths);
    }
    for (SequenceRows direction : rows) {
      direction.update(lengthsBuffer == null ? null : lengths);
    }
  }

  private Buffer parameters(Buffer flat, int layer, int direction) {
    return flat.slice(layout.blockOffset(layer, direction), layout.blockElements(layer));
  }

  private @Nullable Buffer state(@Nullable Buffer states, int block) {
    if (states == null) {
      return null;
    }
    long elements = (long) shape.cell().states() * shape.batchSize() * shape.hiddenSize();
    return states.slice(block * elements, elements);
  }

  private @Nullable Buffer savedOf(@Nullable Buffer saved, int block) {
    return saved == null
        ? null
        : saved.slice(savedOffsets[block], plans.get(block).savedElements());
  }

  /** Where the output of {@code layer}, as its successor sees it, is kept. */
  private Buffer outputOf(int layer, @Nullable Buffer saved) {
    if (saved == null) {
      return between.get(layer % between.size());
    }
    return saved.slice(
        savedOffsets[shape.layers() * shape.directions() + layer], shape.outputElements());
  }

  private boolean hasDropout() {
    return mode == Mode.TRAINING && shape.dropout() > 0;
  }

  private void dropout(int layer, RnnTensors t, Buffer values) {
    engine.dropout(
        shape.outputElements(),
        shape.dropout(),
        t.dropoutSeed(),
        Philox.Stream.DROPOUT.number() + layer,
        t.dropoutOffset(),
        values,
        values);
  }

  @Override
  public void forward(RnnTensors t) {
    takeLengths(t.lengths());
    Buffer saved = mode == Mode.TRAINING ? t.saved() : null;
    assert mode == Mode.INFERENCE || saved != null;
    Buffer x = t.x();
    for (int layer = 0; layer < shape.layers(); layer++) {
      boolean last = layer == shape.layers() - 1;
      Buffer y = last ? t.y() : outputOf(layer, saved);
      for (int d = 0; d < shape.directions(); d++) {
        int block = layer * shape.directions() + d;
        plans
            .get(block)
            .forward(
                rows[d],
                parameters(t.parameters(), layer, d),
                x,
                state(t.initialState(), block),
                y,
                d * shape.hiddenSize(),
                state(t.finalState(), block),
                savedOf(saved, block));
      }
      if (!last && hasDropout()) {
        dropout(layer, t, y);
      }
      x = y;
    }
    t.y().markWritten();
    if (t.finalState() != null) {
      t.finalState().markWritten();
    }
    if (saved != null) {
      saved.markWritten();
    }
  }

  @Override
  public void backward(RnnTensors t, RnnGradients g) {
    assert mode == Mode.TRAINING;
    takeLengths(t.lengths());
    Buffer saved = java.util.Objects.requireNonNull(t.saved());
    Buffer dy = g.dy();
    for (int layer = shape.layers() - 1; layer >= 0; layer--) {
      Buffer x = layer == 0 ? t.x() : outputOf(layer - 1, saved);
      Buffer dx = layer == 0 ? g.dx() : between.get(layer % between.size());
      for (int d = 0; d < shape.directions(); d++) {
        int block = layer * shape.directions() + d;
        plans
            .get(block)
            .backward(
                rows[d],
                parameters(t.parameters(), layer, d),
                x,
                java.util.Objects.requireNonNull(savedOf(saved, block)),
                dy,
                d * shape.hiddenSize(),
                state(g.dFinalState(), block),
                parameters(g.dParameters(), layer, d),
                dx,
                d > 0,
                state(g.dInitialState(), block));
      }
      if (layer > 0 && hasDropout()) {
        dropout(layer - 1, t, java.util.Objects.requireNonNull(dx));
      }
      dy = dx;
    }
    g.dParameters().markWritten();
    if (g.dx() != null) {
      g.dx().markWritten();
    }
    if (g.dInitialState() != null) {
      g.dInitialState().markWritten();
    }
  }

  @Override
  public void close() {
    plans.forEach(LayerPlan::close);
    between.forEach(Buffer::close);
  }
}
