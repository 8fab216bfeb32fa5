package dev.sequor.module;

import dev.sequor.backend.Required;
import java.util.List;

/**
 * One step of all sequences, as it is in memory, whatever their lengths; {@link LastStep} takes
 * that of each sequence's own end.
 *
 * @param step from 0; a negative one counts from the end, −1 is the last
 */
public record TimeStep(int step) implements ReadsSteps {
  /**
   * Checks the number.
   *
   * @throws IllegalArgumentException if no sequence could have so many steps
   */
  public TimeStep {
    if (step < -Integer.MAX_VALUE || step == Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "step is " + step + "; needed " + -Integer.MAX_VALUE + " to " + (Integer.MAX_VALUE - 1));
    }
  }

  @Override
  public Needed neededSteps() {
    return new Needed(step < 0 ? -step : step + 1, Integer.MAX_VALUE);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    return List.of(new Output("y", new ValueShape.Vector(x.axis(), x.width())));
  }

  /** Where it counts from the end: that of a window is that of all steps so far. */
  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return step < 0;
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int timeSteps = Required.present("binding", binding).timeSteps(0);
    int batchSize = binding.batchSize();
    int[] rows = new int[batchSize];
    for (int b = 0; b < batchSize; b++) {
      rows[b] = Math.floorMod(step, timeSteps) * batchSize + b;
    }
    return RowGather.of(binding, binding.inputShape(0).width(), rows);
  }
}
