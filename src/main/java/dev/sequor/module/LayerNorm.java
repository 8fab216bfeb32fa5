package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.NormShape;
import dev.sequor.backend.Required;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.List;

/**
 * Layer normalisation over the last axis of any value but tokens (Ba, Kiros and Hinton,
 * arXiv:1607.06450): {@code y = gain ∘ (x − μ) / √(σ² + ε) + bias}, with {@code gain [N]}, first
 * one, and {@code bias [N]}, first zero.
 *
 * @param width {@code N}
 * @param epsilon {@code ε}, greater than 0
 */
public record LayerNorm(int width, float epsilon) implements Module {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public LayerNorm {
    new NormShape(1, width, epsilon);
  }

  /** With {@code ε = 1e-5}. */
  public LayerNorm(int width) {
    this(width, 1e-5f);
  }

  @Override
  public List<Block> parameters() {
    return List.of(
        new Block(
            List.of(
                new TensorSpec("gain", List.of(width), Initialization.constant(1f)),
                new TensorSpec("bias", List.of(width), Initialization.zeros()))));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireWidth(this, x, width);
    return List.of(new Output("y", Shapes.withWidth(x, width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    NormShape shape = new NormShape(binding.rows(0), width, epsilon);
    Buffer saved = binding.allocate(DType.FLOAT32, shape.savedElements());
    return Pass.of(
        () ->
            backend.layerNormForward(
                shape, binding.input(0), binding.parameters(0), binding.output(0), saved),
        () ->
            backend.layerNormBackward(
                shape,
                binding.input(0),
                binding.parameters(0),
                saved,
                binding.neededOutputGradient(0),
                binding.inputGradient(0),
                binding.gradients(0)));
  }
}
