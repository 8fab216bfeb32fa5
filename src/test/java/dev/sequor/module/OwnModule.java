package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.List;

/**
 * A module as a user of the library might write it, from public operations alone: {@code y = x +
 * tanh(x Wᵀ)}, a residual layer.
 *
 * @param width of x and y
 * @param right whether its backward pass is; a wrong one forgets the way around
 */
public record OwnModule(int width, boolean right) implements Module {
  @Override
  public List<Block> parameters() {
    return List.of(
        Block.of(
            new TensorSpec(
                "weights", List.of(width, width), Initialization.glorotUniform(width, width))));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    if (inputs.size() != 1 || inputs.get(0).width() != width) {
      throw new IllegalArgumentException(this + " is given " + inputs + "; needed one of " + width);
    }
    return List.of(new Output("y", inputs.get(0)));
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = binding.backend();
    int rows = binding.rows(0);
    LinearShape layer = new LinearShape(rows, width, width, dev.sequor.backend.Activation.TANH);
    ColumnCopy add = ColumnCopy.whole(rows, width, 1f, true);
    Buffer x = binding.input(0);
    Buffer hidden = binding.allocate(DType.FLOAT32, (long) rows * width);
    Buffer dHidden = binding.allocate(DType.FLOAT32, (long) rows * width);
    return Pass.of(
        () -> {
          backend.linearForward(layer, x, binding.parameters(0), null, hidden);
          backend.copy(x, binding.output(0));
          backend.copyColumns(add, hidden, binding.output(0));
        },
        () -> {
          Buffer dy = binding.neededOutputGradient(0);
          Buffer dx = binding.inputGradient(0);
          backend.copy(dy, dHidden);
          backend.linearBackward(
              layer, x, binding.parameters(0), hidden, dHidden, dx, binding.gradients(0), null);
          if (right && dx != null) {
            backend.copyColumns(add, dy, dx);
          }
        });
  }
}
