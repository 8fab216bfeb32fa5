package dev.sequor.module;

import java.util.List;

/**
 * Logarithms of probabilities over the last axis of any value but tokens, see {@link
 * dev.sequor.backend.SoftmaxShape}. Losses of classes take what goes into this rather than what
 * comes out.
 */
public record LogSoftmax() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    return List.of(new Output("y", Shapes.withWidth(x, x.width())));
  }

  @Override
  public Pass bind(Binding binding) {
    return Softmax.bind(binding, true);
  }
}
