package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * One of the vectors of a recurrent state {@code [blocks,S,B,H]}, those of all blocks side by side:
 * {@code [B,blocks·H]}. {@link VectorsState} makes a state of such.
 *
 * @param state which: 0 is {@code h}, 1 is {@code c} of an LSTM
 */
public record StateVectors(int state) implements Module {
  /**
   * Checks the number.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public StateVectors {
    Sizes.atLeast("state", state, 0);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    if (!(x instanceof ValueShape.State given) || state >= given.states()) {
      throw new IllegalArgumentException(
          this + " is given " + x + "; needed a state of more than " + state + " vectors");
    }
    int width =
        (int) Sizes.product("blocks · width", Integer.MAX_VALUE, given.blocks(), given.width());
    return List.of(new Output("y", new ValueShape.Vector("", width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    ValueShape.State given = (ValueShape.State) binding.inputShape(0);
    StateParts parts = new StateParts(given, binding.batchSize());
    return Pass.of(
        () -> parts.toVectors(backend, state, binding.input(0), binding.output(0)),
        () -> {
          Buffer dx = binding.neededInputGradient(0);
          backend.fill(dx, 0f);
          parts.fromVectors(backend, state, binding.neededOutputGradient(0), dx);
        });
  }

  /** Vectors of a state, and where they are in {@code [B,blocks·H]}. */
  record StateParts(ValueShape.State shape, int batchSize) {
    private Buffer slice(Buffer all, int block, int state) {
      long each = (long) batchSize * shape.width();
      return all.slice(((long) block * shape.states() + state) * each, each);
    }

    void toVectors(Backend backend, int state, Buffer from, Buffer to) {
      int width = shape.width();
      int total = shape.blocks() * width;
      for (int block = 0; block < shape.blocks(); block++) {
        backend.copyColumns(
            new ColumnCopy(batchSize, width, 0, width, block * width, total, 1f, false),
            slice(from, block, state),
            to);
      }
    }

    void fromVectors(Backend backend, int state, Buffer from, Buffer to) {
      int width = shape.width();
      int total = shape.blocks() * width;
      for (int block = 0; block < shape.blocks(); block++) {
        backend.copyColumns(
            new ColumnCopy(batchSize, width, block * width, total, 0, width, 1f, false),
            from,
            slice(to, block, state));
      }
    }
  }
}
