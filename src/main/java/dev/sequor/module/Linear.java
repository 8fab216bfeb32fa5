package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A dense layer {@code y = f(x Wᵀ + b)} over the last axis of any value but tokens: {@code weights
 * [N,K]}, first uniform as Glorot and Bengio (2010) have it, and {@code bias [N]}, first zero.
 *
 * @param inputSize {@code K}
 * @param outputSize {@code N}
 * @param activation {@code f}
 * @param bias whether there is a bias
 */
public record Linear(int inputSize, int outputSize, Activation activation, boolean bias)
    implements Module {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first that is less than 1
   */
  public Linear {
    Sizes.atLeastOne("inputSize", inputSize);
    Sizes.atLeastOne("outputSize", outputSize);
    Sizes.product("outputSize · inputSize", Integer.MAX_VALUE, outputSize, inputSize);
    Required.present("activation", activation);
  }

  /** With a bias and without an activation. */
  public Linear(int inputSize, int outputSize) {
    this(inputSize, outputSize, Activation.NONE, true);
  }

  /** With a bias. */
  public Linear(int inputSize, int outputSize, Activation activation) {
    this(inputSize, outputSize, activation, true);
  }

  @Override
  public List<Block> parameters() {
    List<Block> blocks = new ArrayList<>();
    blocks.add(
        Block.of(
            new TensorSpec(
                "weights",
                List.of(outputSize, inputSize),
                Initialization.glorotUniform(inputSize, outputSize))));
    if (bias) {
      blocks.add(Block.of(new TensorSpec("bias", List.of(outputSize), Initialization.zeros())));
    }
    return blocks;
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireWidth(this, x, inputSize);
    return List.of(new Output("y", Shapes.withWidth(x, outputSize)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return activation != Activation.NONE;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    LinearShape shape = new LinearShape(binding.rows(0), inputSize, outputSize, activation);
    Buffer x = binding.input(0);
    Buffer weights = binding.parameters(0);
    @Nullable Buffer vector = bias ? binding.parameters(1) : null;
    Buffer y = binding.output(0);
    return Pass.of(
        () -> backend.linearForward(shape, x, weights, vector, y),
        () ->
            backend.linearBackward(
                shape,
                x,
                weights,
                y,
                binding.neededOutputGradient(0),
                binding.inputGradient(0),
                binding.gradients(0),
                bias ? binding.gradients(1) : null));
  }
}
