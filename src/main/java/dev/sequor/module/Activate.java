package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * A function of each element.
 *
 * @param function which
 */
public record Activate(Activation function) implements Module {
  /**
   * Checks that there is one.
   *
   * @throws IllegalArgumentException if not
   */
  public Activate {
    Required.present("function", function);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    return List.of(new Output("y", Shapes.withWidth(x, x.width())));
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    return Pass.of(
        () -> backend.activation(function, binding.input(0), binding.output(0)),
        () ->
            backend.activationGradient(
                function,
                binding.output(0),
                binding.neededOutputGradient(0),
                binding.neededInputGradient(0)));
  }
}
