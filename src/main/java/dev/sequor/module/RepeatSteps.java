package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * A vector at each of a fixed number of steps, along a time axis of its own.
 *
 * @param axis the name of the node
 * @param steps how many there are
 */
public record RepeatSteps(String axis, int steps) implements BringsSteps {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if there is no axis, or no step
   */
  public RepeatSteps {
    Required.present("axis", axis);
    Sizes.atLeastOne("steps", steps);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.onlyVector(this, inputs);
    return List.of(new Output("y", new ValueShape.Sequence(axis, x.width())));
  }

  /** No: all steps are there each time, and the states along them would be carried on. */
  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return false;
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int batchSize = Required.present("binding", binding).batchSize();
    int[] rows = new int[(int) Sizes.product("rows", Integer.MAX_VALUE, steps, batchSize)];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = i % batchSize;
    }
    return RowGather.of(binding, binding.inputShape(0).width(), rows);
  }
}
