package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/** Two or more values side by side, along their last axis. */
public record Concatenation() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape rows = Shapes.requireSameRows(this, inputs);
    long width = inputs.stream().mapToLong(ValueShape::width).sum();
    if (width > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "values side by side are " + width + " wide; needed at most " + Integer.MAX_VALUE);
    }
    return List.of(new Output("y", Shapes.withWidth(rows, (int) width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    int total = binding.outputShape(0).width();
    List<ColumnCopy> there = new ArrayList<>();
    List<ColumnCopy> back = new ArrayList<>();
    int column = 0;
    for (int i = 0; i < binding.inputs(); i++) {
      int width = binding.inputShape(i).width();
      there.add(new ColumnCopy(rows, width, 0, width, column, total, 1f, false));
      back.add(new ColumnCopy(rows, width, column, total, 0, width, 1f, false));
      column += width;
    }
    return Pass.of(
        () -> {
          for (int i = 0; i < there.size(); i++) {
            backend.copyColumns(there.get(i), binding.input(i), binding.output(0));
          }
        },
        () -> {
          for (int i = 0; i < back.size(); i++) {
            var dx = binding.inputGradient(i);
            if (dx != null) {
              backend.copyColumns(back.get(i), binding.neededOutputGradient(0), dx);
            }
          }
        });
  }
}
