package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.List;

/**
 * A learned vector, {@code values [width]}, first zero, in every row of a value that is shaped like
 * the input, along tokens in every row of a sequence; of the input nothing else is read. Its
 * gradient is the sum over the rows. Added to a value it is a bias.
 *
 * @param width of the vector
 */
public record LearnedVector(int width) implements Module {
  /**
   * Checks the width.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public LearnedVector {
    Sizes.atLeastOne("width", width);
  }

  @Override
  public List<Block> parameters() {
    return List.of(Block.of(new TensorSpec("values", List.of(width), Initialization.zeros())));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.onlyOfAnyKind(this, inputs);
    return List.of(
        new Output(
            "y",
            x instanceof ValueShape.Tokens tokens
                ? new ValueShape.Sequence(tokens.axis(), width)
                : Shapes.withWidth(x, width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    // The bias of a dense layer whose only input and whose weights are zero: so the sum over many
    // rows is as exact as that of any bias.
    LinearShape shape = new LinearShape(rows, 1, width, Activation.NONE);
    Buffer x = binding.allocate(DType.FLOAT32, rows);
    Buffer weights = binding.allocate(DType.FLOAT32, width);
    return Pass.of(
        () -> backend.linearForward(shape, x, weights, binding.parameters(0), binding.output(0)),
        binding.isTraining() ? backward(binding, shape, x, weights) : () -> {});
  }

  private static Runnable backward(Binding binding, LinearShape shape, Buffer x, Buffer weights) {
    Backend backend = binding.backend();
    Buffer unused = binding.allocate(DType.FLOAT32, shape.outputSize());
    return () -> {
      backend.linearBackward(
          shape,
          x,
          weights,
          binding.output(0),
          binding.neededOutputGradient(0),
          null,
          unused,
          binding.gradients(0));
      Buffer dx = binding.inputGradient(0);
      if (dx != null) {
        backend.fill(dx, 0f);
      }
    };
  }
}
