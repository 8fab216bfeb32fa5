package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * A sequence {@code [steps,B,W]} as a vector {@code [B,steps·W]}: the steps side by side. All
 * batches have to have so many steps; what is past an end is taken as it is.
 *
 * @param steps how many there are
 */
public record StepsToColumns(int steps) implements ReadsSteps {
  /**
   * Checks the number.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public StepsToColumns {
    Sizes.atLeastOne("steps", steps);
  }

  @Override
  public Needed neededSteps() {
    return new Needed(steps, steps);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    int width = (int) Sizes.product("steps · width", Integer.MAX_VALUE, steps, x.width());
    return List.of(new Output("y", new ValueShape.Vector(x.axis(), width)));
  }

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
    for (int b = 0; b < batchSize; b++) {
      for (int t = 0; t < steps; t++) {
        rows[b * steps + t] = t * batchSize + b;
      }
    }
    return RowGather.of(binding, binding.inputShape(0).width(), rows);
  }
}
