package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes the first state of a decoder from the final state of an encoder. For each vector of each
 * layer it has a projection of its own: {@code s' = f(W [s_forward; s_backward] + b)} with {@code
 * weights [H', D·H]} and {@code bias [H']}; {@code f} is applied to the hidden state {@code h}, and
 * to a cell state {@code c}, which has no bounds, never.
 *
 * <p><b>Layers.</b> Decoder layer {@code l} of {@code L'} starts from encoder layer {@code max(0, l
 * + L − L')}: the top layers stand side by side, and where the decoder has more, its lowest ones
 * all start from the encoder's lowest. <b>States.</b> A decoder with more vectors than the encoder
 * takes the last one again; one with fewer leaves the rest.
 *
 * @param from what the encoder ends with
 * @param directions {@code D}, of the encoder
 * @param to what the decoder starts with, of one direction
 * @param activation of the projection of {@code h}; unused without one
 * @param project whether to project; if not, layers are only chosen, which needs one direction and
 *     equal widths
 */
public record StateBridge(
    ValueShape.State from,
    int directions,
    ValueShape.State to,
    Activation activation,
    boolean project)
    implements Module {
  /**
   * Checks that they fit.
   *
   * @throws IllegalArgumentException naming what does not
   */
  public StateBridge {
    Required.present("from", from);
    Required.present("to", to);
    Required.present("activation", activation);
    Shapes.direction(directions);
    if (from.blocks() % directions != 0) {
      throw new IllegalArgumentException(
          "from is " + from + "; " + directions + " directions need a multiple of blocks");
    }
    if (!project && (directions != 1 || from.width() != to.width())) {
      throw new IllegalArgumentException(
          "a bridge from "
              + from
              + " of "
              + directions
              + " directions to "
              + to
              + " needs a projection; without one needed 1 direction and equal widths");
    }
    Sizes.product("width · directions", Integer.MAX_VALUE, from.width(), directions);
  }

  /** The encoder's layer for decoder layer {@code layer}. */
  private int layer(int layer) {
    return Math.max(0, layer + from.blocks() / directions - to.blocks());
  }

  private int inputSize() {
    return directions * from.width();
  }

  @Override
  public List<Block> parameters() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; project && i < to.blocks() * to.states(); i++) {
      String suffix = "_" + i / to.states() + "_" + (i % to.states() == 0 ? "h" : "c");
      blocks.add(
          Block.of(
              new TensorSpec(
                  "weights" + suffix,
                  List.of(to.width(), inputSize()),
                  Initialization.glorotUniform(inputSize(), to.width()))));
      blocks.add(
          Block.of(new TensorSpec("bias" + suffix, List.of(to.width()), Initialization.zeros())));
    }
    return blocks;
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape given = Shapes.only(this, inputs);
    if (!given.equals(from)) {
      throw new IllegalArgumentException(this + " is given " + given + "; needed " + from);
    }
    return List.of(new Output("state", to));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return project && activation != Activation.NONE;
  }

  @Override
  public Pass bind(Binding binding) {
    return new Bound(Required.present("binding", binding));
  }

  private final class Bound implements Pass {
    private final Binding binding;
    private final Backend backend;
    private final int batchSize;
    private final Buffer merged;

    /** The gradient by one merged vector. */
    private final @Nullable Buffer scratch;

    private final List<Vector> vectors = new ArrayList<>();

    /** One vector of one layer of the decoder: its place, and those it comes from. */
    private record Vector(int number, LinearShape shape, Buffer value, List<Integer> sources) {}

    Bound(Binding binding) {
      this.binding = binding;
      this.backend = binding.backend();
      this.batchSize = binding.batchSize();
      int count = to.blocks() * to.states();
      this.merged = binding.allocate(DType.FLOAT32, (long) count * batchSize * inputSize());
      this.scratch =
          binding.isTraining()
              ? binding.allocate(DType.FLOAT32, (long) batchSize * inputSize())
              : null;
      for (int i = 0; i < count; i++) {
        int state = Math.min(i % to.states(), from.states() - 1);
        List<Integer> sources = new ArrayList<>();
        for (int d = 0; d < directions; d++) {
          sources.add((layer(i / to.states()) * directions + d) * from.states() + state);
        }
        vectors.add(
            new Vector(
                i,
                new LinearShape(
                    batchSize,
                    inputSize(),
                    to.width(),
                    i % to.states() == 0 ? activation : Activation.NONE),
                place(binding.output(0), i, to.width()),
                sources));
      }
    }

    private Buffer place(Buffer state, int number, int width) {
      long elements = (long) batchSize * width;
      return state.slice(number * elements, elements);
    }

    private ColumnCopy merge(int direction) {
      int width = from.width();
      return new ColumnCopy(batchSize, width, 0, width, direction * width, inputSize(), 1f, false);
    }

    private ColumnCopy split(int direction) {
      int width = from.width();
      return new ColumnCopy(batchSize, width, direction * width, inputSize(), 0, width, 1f, true);
    }

    @Override
    public void forward() {
      for (Vector v : vectors) {
        Buffer x = project ? place(merged, v.number(), inputSize()) : v.value();
        for (int d = 0; d < directions; d++) {
          Buffer source = place(binding.input(0), v.sources().get(d), from.width());
          backend.copyColumns(merge(d), source, x);
        }
        if (project) {
          backend.linearForward(
              v.shape(),
              x,
              binding.parameters(2 * v.number()),
              binding.parameters(2 * v.number() + 1),
              v.value());
        }
      }
    }

    @Override
    public void backward() {
      Buffer dy = binding.neededOutputGradient(0);
      Buffer dx = binding.inputGradient(0);
      if (dx != null) {
        backend.fill(dx, 0f);
      }
      for (Vector v : vectors) {
        Buffer own = place(dy, v.number(), to.width());
        @Nullable Buffer contribution = own;
        if (project) {
          contribution = dx == null ? null : scratch;
          backend.linearBackward(
              v.shape(),
              place(merged, v.number(), inputSize()),
              binding.parameters(2 * v.number()),
              v.value(),
              own,
              contribution,
              binding.gradients(2 * v.number()),
              binding.gradients(2 * v.number() + 1));
        }
        for (int d = 0; dx != null && contribution != null && d < directions; d++) {
          Buffer source = place(dx, v.sources().get(d), from.width());
          backend.copyColumns(split(d), contribution, source);
        }
      }
    }
  }
}
