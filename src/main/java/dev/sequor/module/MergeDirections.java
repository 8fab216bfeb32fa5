package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * The outputs of two directions, {@code H} columns each, made one of {@code H} columns.
 *
 * @param how by sum or by mean; a bidirectional stack concatenates by itself
 */
public record MergeDirections(How how) implements Module {
  /**
   * Checks that there is a way.
   *
   * @throws IllegalArgumentException if not
   */
  public MergeDirections {
    Required.present("how", how);
  }

  /** Ways of merging. */
  public enum How {
    /** {@code forward + backward}. */
    SUM(1f),
    /** {@code (forward + backward) / 2}. */
    MEAN(0.5f);

    private final float factor;

    How(float factor) {
      this.factor = factor;
    }
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireMultiple(this, x, 2);
    return List.of(new Output("y", Shapes.withWidth(x, x.width() / 2)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    int width = binding.inputShape(0).width() / 2;
    float factor = how.factor;
    ColumnCopy first = new ColumnCopy(rows, width, 0, 2 * width, 0, width, factor, false);
    ColumnCopy second = new ColumnCopy(rows, width, width, 2 * width, 0, width, factor, true);
    ColumnCopy toFirst = new ColumnCopy(rows, width, 0, width, 0, 2 * width, factor, false);
    ColumnCopy toSecond = new ColumnCopy(rows, width, 0, width, width, 2 * width, factor, false);
    return Pass.of(
        () -> {
          backend.copyColumns(first, binding.input(0), binding.output(0));
          backend.copyColumns(second, binding.input(0), binding.output(0));
        },
        () -> {
          Buffer dy = binding.neededOutputGradient(0);
          Buffer dx = binding.neededInputGradient(0);
          backend.copyColumns(toFirst, dy, dx);
          backend.copyColumns(toSecond, dy, dx);
        });
  }
}
