package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * {@code y = factor·x + offset}, element by element.
 *
 * @param factor finite
 * @param offset finite
 */
public record Affine(float factor, float offset) implements Module {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if one is not finite
   */
  public Affine {
    if (!Float.isFinite(factor) || !Float.isFinite(offset)) {
      throw new IllegalArgumentException(
          "factor is " + factor + " and offset " + offset + "; needed finite numbers");
    }
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    return List.of(new Output("y", Shapes.withWidth(x, x.width())));
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
    ColumnCopy there = ColumnCopy.whole(rows, width, factor, offset != 0);
    ColumnCopy back = ColumnCopy.whole(rows, width, factor, false);
    return Pass.of(
        () -> {
          if (offset != 0) {
            backend.fill(binding.output(0), offset);
          }
          backend.copyColumns(there, binding.input(0), binding.output(0));
        },
        () ->
            backend.copyColumns(
                back, binding.neededOutputGradient(0), binding.neededInputGradient(0)));
  }
}
