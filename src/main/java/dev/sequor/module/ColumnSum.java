package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * The sum, or the mean, over the last axis of any value but tokens, which has width 1 then.
 *
 * @param mean whether the sum is divided by the number of columns
 */
public record ColumnSum(boolean mean) implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    return List.of(new Output("y", Shapes.withWidth(Shapes.only(this, inputs), 1)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    int width = binding.inputShape(0).width();
    Buffer factors = binding.allocate(DType.FLOAT32, width);
    backend.fill(factors, mean ? 1f / width : 1f);
    LinearShape sum = new LinearShape(rows, width, 1, Activation.NONE);
    LinearShape spread = new LinearShape(rows, 1, width, Activation.NONE);
    return Pass.of(
        () -> backend.linearForward(sum, binding.input(0), factors, null, binding.output(0)),
        () ->
            backend.linearForward(
                spread,
                binding.neededOutputGradient(0),
                factors,
                null,
                binding.neededInputGradient(0)));
  }
}
