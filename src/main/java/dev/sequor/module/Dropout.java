package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * In training, zeroes each element with a probability and divides the others by that of keeping
 * them (Srivastava et al. 2014); in inference, nothing.
 *
 * @param probability of zeroing, in [0, 1)
 */
public record Dropout(float probability) implements Module {
  /**
   * Checks the probability.
   *
   * @throws IllegalArgumentException if it is not in [0, 1)
   */
  public Dropout {
    if (!(probability >= 0f && probability < 1f)) {
      throw new IllegalArgumentException(
          "dropout probability is " + probability + "; needed 0 <= probability < 1");
    }
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    return List.of(new Output("y", Shapes.withWidth(x, x.width())));
  }

  @Override
  public int randomStreams() {
    return 1;
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    if (!binding.isTraining() || probability == 0f) {
      return Pass.of(
          () -> backend.copy(binding.input(0), binding.output(0)),
          () -> backend.copy(binding.neededOutputGradient(0), binding.neededInputGradient(0)));
    }
    int width = binding.inputShape(0).width();
    return Pass.of(
        () ->
            backend.dropout(
                width, probability, binding.randomKey(), binding.input(0), binding.output(0)),
        () ->
            backend.dropout(
                width,
                probability,
                binding.randomKey(),
                binding.neededOutputGradient(0),
                binding.neededInputGradient(0)));
  }
}
