package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import dev.sequor.backend.SoftmaxShape;
import java.util.List;

/**
 * Probabilities over the last axis of any value but tokens, see {@link SoftmaxShape}. Losses of
 * classes take what goes into this rather than what comes out: they have its gradient in them.
 */
public record Softmax() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    return List.of(new Output("y", Shapes.withWidth(x, x.width())));
  }

  @Override
  public Pass bind(Binding binding) {
    return bind(binding, false);
  }

  /** A pass that makes probabilities, or their logarithms. */
  static Pass bind(Binding binding, boolean logarithm) {
    Backend backend = Required.present("binding", binding).backend();
    SoftmaxShape shape =
        new SoftmaxShape(binding.rows(0), binding.inputShape(0).width(), logarithm);
    return Pass.of(
        () -> backend.softmaxForward(shape, binding.input(0), binding.output(0)),
        () ->
            backend.softmaxBackward(
                shape,
                binding.output(0),
                binding.neededOutputGradient(0),
                binding.neededInputGradient(0)));
  }
}
