package dev.sequor.backend.options;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.Closing;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.PlanGradients;
import dev.sequor.backend.PlanTensors;
import dev.sequor.backend.RandomStreams;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A stack with options, a layer after the other. Dropout of inputs and DropConnect are done around
 * a layer: on its input, and on a copy of its parameters. The layer itself is the engine's own plan
 * of one layer, unless an option changes its steps; then its directions are {@link StepwiseLayer}s.
 */
final class OptionsPlan implements EnginePlan {
  /** Keeps parts of {@code saved} on 64-byte boundaries. */
  private static final int ALIGNMENT = 16;

  private final OptionsEngine engine;
  private final RnnShape shape;
  private final RnnSpec stack;
  private final CellOptions options;
  private final boolean training;
  private final ParameterLayout layout;
  private final List<Layer> layers = new ArrayList<>();

  private final List<Memory> owned = new ArrayList<>();

  /** Outputs (inference) or gradients (training) between layers; empty for a single layer. */
  private final List<Memory> between = new ArrayList<>();

  private final long savedElements;
  private @Nullable Memory saved;

  /** One layer, and what is done around it. */
  private final class Layer {
    final int index;
    final long savedAt;
    final @Nullable EnginePlan plan;
    final List<StepwiseLayer> directions = new ArrayList<>();

    /** With masked R, and the gradient by it; null without DropConnect. */
    final @Nullable Memory parameters;

    final @Nullable Memory dParameters;

    /** The gradient by the masked input. */
    final @Nullable Memory dMasked;

    /** What backward needs, cut anew when the caller's memory is another. */
    private @Nullable Memory output;

    private @Nullable Memory masked;
    private @Nullable Memory ofPlan;
    private final List<Memory> ofDirections = new ArrayList<>();
    private long end;

    Layer(int index, long savedAt) {
      this.index = index;
      this.savedAt = savedAt;
      this.end = savedAt;
      long block = blockElements();
      boolean drops = training && options.recurrentDropConnect() > 0;
      parameters = drops ? own(block) : null;
      dParameters = drops ? own(block) : null;
      dMasked = masksInput() ? own(inputElements()) : null;
      Mode mode = training ? Mode.TRAINING : Mode.INFERENCE;
      if (options.changeSteps(mode)) {
        plan = null;
        for (int d = 0; d < stack.directions(); d++) {
          StepwiseLayer direction = new StepwiseLayer(engine, shape, mode, index, d);
          directions.add(direction);
          reserve(direction.savedElements());
        }
      } else {
        RnnSpec one =
            RnnSpec.of(stack.cell(), shape.layerInputSize(index), stack.hiddenSize())
                .withDirection(stack.direction());
        plan =
            engine.plainPlan(
                one.shape(shape.timeSteps(), shape.batchSize()), mode, WeightStorage.FLOAT32);
        reserve(plan.savedElements());
      }
      if (training) {
        reserve(isLast() ? 0 : shape.outputElements());
        reserve(masksInput() ? inputElements() : 0);
      }
    }

    private void reserve(long elements) {
      end += aligned(elements);
    }

    boolean isLast() {
      return index == stack.layers() - 1;
    }

    boolean masksInput() {
      return training && options.inputDropout() > 0;
    }

    long inputElements() {
      return (long) shape.timeSteps() * shape.batchSize() * shape.layerInputSize(index);
    }

    long blockElements() {
      return layout.blockElements(index) * stack.directions();
    }

    /** The same order as in the constructor. */
    void cut(Memory from) {
      long at = savedAt;
      ofDirections.clear();
      if (plan != null) {
        ofPlan = from.slice(at, plan.savedElements());
        at += aligned(plan.savedElements());
      }
      for (StepwiseLayer direction : directions) {
        ofDirections.add(from.slice(at, direction.savedElements()));
        at += aligned(direction.savedElements());
      }
      if (!isLast()) {
        output = from.slice(at, shape.outputElements());
        at += aligned(shape.outputElements());
      }
      if (masksInput()) {
        masked = from.slice(at, inputElements());
      }
    }

    /** Where the output is kept, as the next layer sees it. */
    Memory output() {
      return training ? Objects.requireNonNull(output) : between.get(index % between.size());
    }

    StepRows mask() {
      return new StepRows(
          shape.timeSteps(),
          shape.batchSize(),
          shape.layerInputSize(index),
          false,
          options.inputDropout(),
          RandomStreams.INPUT_DROPOUT.of(stack, index, 0));
    }

    private Memory block(Memory of, int direction) {
      long elements = layout.blockElements(index);
      return of.slice(direction * elements, elements);
    }

    private Memory recurrentWeights(Memory of, int direction) {
      long at = layout.within(Kind.RECURRENT_WEIGHTS, index);
      return block(of, direction).slice(at, layout.elements(Kind.RECURRENT_WEIGHTS, index));
    }

    private void dropConnect(@Nullable Memory key, Memory from, Memory to) {
      for (int d = 0; d < stack.directions(); d++) {
        Memory source = recurrentWeights(from, d);
        engine.dropout(
            source.elements(),
            0, // weights, and not of any sequence
            options.recurrentDropConnect(),
            Objects.requireNonNull(key),
            RandomStreams.RECURRENT_DROP_CONNECT.of(stack, index, d),
            source,
            recurrentWeights(to, d));
      }
    }

    void forward(PlanTensors t, Memory x, Memory y) {
      Memory all = t.parameters().slice(layout.blockOffset(index, 0), blockElements());
      if (parameters != null) {
        engine.copy(all, parameters);
        dropConnect(t.dropoutKey(), all, parameters);
        parameters.markWritten();
        all = parameters;
      }
      if (masked != null && masksInput()) {
        engine.gatherSteps(mask(), x, null, t.dropoutKey(), masked);
      }
      Memory from = masksInput() ? Objects.requireNonNull(masked) : x;
      if (plan != null) {
        plan.forward(tensors(t, all, from, y));
      }
      for (int d = 0; d < directions.size(); d++) {
        directions
            .get(d)
            .forward(
                block(all, d),
                from,
                t.lengths(),
                state(t.initialState(), d),
                column(y, d),
                state(t.finalState(), d),
                training ? ofDirections.get(d) : null,
                t.dropoutKey());
      }
    }

    private PlanTensors tensors(PlanTensors t, Memory all, Memory x, Memory y) {
      return new PlanTensors(
          all, x, y, t.lengths(), states(t.initialState()), states(t.finalState()), ofPlan, null);
    }

    private long stateElements() {
      return (long) stack.cell().states() * shape.batchSize() * stack.hiddenSize();
    }

    private @Nullable Memory states(@Nullable Memory all) {
      long elements = stack.directions() * stateElements();
      return all == null ? null : all.slice(index * elements, elements);
    }

    private @Nullable Memory state(@Nullable Memory all, int direction) {
      long at = ((long) index * stack.directions() + direction) * stateElements();
      return all == null ? null : all.slice(at, stateElements());
    }

    private Memory column(Memory y, int direction) {
      long at = (long) direction * stack.stateSize();
      return y.slice(at, y.elements() - at);
    }

    void backward(
        PlanTensors t, PlanGradients g, Memory x, @Nullable Memory dy, @Nullable Memory dx) {
      Memory all = t.parameters().slice(layout.blockOffset(index, 0), blockElements());
      Memory dAll = g.dParameters().slice(layout.blockOffset(index, 0), blockElements());
      Memory gradients = dAll;
      if (parameters != null) {
        // Between forward and backward, another forward pass may have drawn another mask.
        engine.copy(all, parameters);
        dropConnect(t.dropoutKey(), all, parameters);
        parameters.markWritten();
        all = parameters;
        gradients = Objects.requireNonNull(dParameters);
        engine.fill(gradients, 0f);
      }
      Memory from = masksInput() ? Objects.requireNonNull(masked) : x;
      Memory toInput = dx == null ? null : masksInput() ? Objects.requireNonNull(dMasked) : dx;
      if (plan != null) {
        plan.backward(
            tensors(t, all, from, isLast() ? t.y() : output()),
            new PlanGradients(
                gradients, dy, states(g.dFinalState()), toInput, states(g.dInitialState())));
      }
      for (int d = 0; d < directions.size(); d++) {
        directions
            .get(d)
            .backward(
                block(all, d),
                t.lengths(),
                ofDirections.get(d),
                dy == null ? null : column(dy, d),
                state(g.dFinalState(), d),
                block(gradients, d),
                toInput,
                d > 0,
                state(g.dInitialState(), d),
                t.dropoutKey());
      }
      if (dx != null && toInput != null && masksInput()) {
        engine.gatherSteps(mask(), toInput, null, t.dropoutKey(), dx);
      }
      if (parameters != null) {
        dropConnect(t.dropoutKey(), gradients, gradients);
        addParameters(gradients, dAll);
      }
    }

    private void addParameters(Memory from, Memory to) {
      // Whole tensors: a block may have more elements than a row can have columns.
      for (int d = 0; d < stack.directions(); d++) {
        for (Kind kind : Kind.values()) {
          int rows = layout.rows(kind);
          int columns = layout.columns(kind, index);
          if (rows > 0) {
            long at = d * layout.blockElements(index) + layout.within(kind, index);
            long elements = layout.elements(kind, index);
            engine.copyColumns(
                new ColumnCopy(rows, columns, 0, columns, 0, columns, 1f, true),
                from.slice(at, elements),
                to.slice(at, elements));
          }
        }
      }
    }

    void close() {
      Closing closing = new Closing();
      directions.forEach(direction -> closing.then(direction::close));
      if (plan != null) {
        closing.then(plan::close);
      }
      closing.end();
    }
  }

  OptionsPlan(OptionsEngine engine, RnnShape shape, Mode mode) {
    this.engine = engine;
    this.shape = shape;
    this.stack = shape.stack();
    this.options = stack.options();
    this.training = mode == Mode.TRAINING;
    this.layout = shape.parameterLayout();
    try {
      long end = 0;
      for (int i = 0; i < stack.layers(); i++) {
        Layer layer = new Layer(i, end);
        layers.add(layer);
        end = layer.end;
      }
      this.savedElements = training ? end : 0;
      for (int i = 0; i < Math.min(2, stack.layers() - 1); i++) {
        between.add(own(shape.outputElements()));
      }
    } catch (RuntimeException | Error e) {
      Closing.after(e, this::close);
      throw e;
    }
  }

  /** Whether a stack has options that matter in this mode. */
  static boolean isNeeded(RnnShape shape, Mode mode) {
    CellOptions options = shape.stack().options();
    return options.changeSteps(mode)
        || (mode == Mode.TRAINING
            && (options.inputDropout() > 0 || options.recurrentDropConnect() > 0));
  }

  /** The same stack without options, where they do not matter. */
  static RnnShape plain(RnnShape shape) {
    return shape.stack().options().changeNothing()
        ? shape
        : shape.stack().withOptions(CellOptions.NONE).shape(shape.timeSteps(), shape.batchSize());
  }

  private static long aligned(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private Memory own(long elements) {
    Memory memory = engine.allocate(DType.FLOAT32, elements);
    owned.add(memory);
    return memory;
  }

  @Override
  public long savedElements() {
    return savedElements;
  }

  @SuppressWarnings("ReferenceEquality") // Equal memory is cut again; the same one is cheap.
  private void cut(@Nullable Memory given) {
    if (given != null && given != saved) {
      layers.forEach(layer -> layer.cut(given));
      saved = given;
    }
  }

  private boolean hasDropout(int layer) {
    return training && stack.dropout() > 0 && layer < stack.layers() - 1;
  }

  private void dropout(int layer, PlanTensors t, Memory values) {
    Memory key = Objects.requireNonNull(t.dropoutKey());
    engine.dropout(
        shape.outputElements(), shape.outputSize(), stack.dropout(), key, layer, values, values);
  }

  @Override
  public void forward(PlanTensors t) {
    cut(t.saved());
    Memory x = t.x();
    for (Layer layer : layers) {
      Memory y = layer.isLast() ? t.y() : layer.output();
      layer.forward(t, x, y);
      if (hasDropout(layer.index)) {
        dropout(layer.index, t, y);
      }
      x = y;
    }
  }

  @Override
  public void backward(PlanTensors t, PlanGradients g) {
    cut(t.saved());
    Memory dy = g.dy();
    for (int i = stack.layers() - 1; i >= 0; i--) {
      Memory x = i == 0 ? t.x() : layers.get(i - 1).output();
      Memory dx = i == 0 ? g.dx() : between.get((i - 1) % between.size());
      layers.get(i).backward(t, g, x, dy, dx);
      if (i > 0 && hasDropout(i - 1)) {
        dropout(i - 1, t, Objects.requireNonNull(dx));
      }
      dy = dx;
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    layers.forEach(layer -> closing.then(layer::close));
    owned.forEach(memory -> closing.then(memory::free));
    closing.end();
  }
}
