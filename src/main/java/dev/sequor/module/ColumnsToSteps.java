package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * A vector {@code [B,steps·W]} as a sequence {@code [steps,B,W]}, along a time axis of its own: its
 * first {@code W} columns are the first step, and so on. {@link StepsToColumns} is the inverse.
 *
 * @param axis the name of the node
 * @param steps how many there are
 */
public record ColumnsToSteps(String axis, int steps) implements BringsSteps {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if there is no axis, or no step
   */
  public ColumnsToSteps {
    Required.present("axis", axis);
    Sizes.atLeastOne("steps", steps);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.onlyVector(this, inputs);
    Shapes.requireMultiple(this, x, steps);
    return List.of(new Output("y", new ValueShape.Sequence(axis, x.width() / steps)));
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
    for (int t = 0; t < steps; t++) {
      for (int b = 0; b < batchSize; b++) {
        rows[t * batchSize + b] = b * steps + t;
      }
    }
    return RowGather.of(binding, binding.inputShape(0).width() / steps, rows);
  }
}
