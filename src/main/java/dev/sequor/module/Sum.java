package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import java.util.List;

/** The sum of two or more values of one shape, for example past a layer that is skipped. */
public record Sum() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    return List.of(new Output("y", Shapes.requireSame(this, inputs)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    int width = binding.outputShape(0).width();
    ColumnCopy copy = ColumnCopy.whole(rows, width, 1f, false);
    ColumnCopy add = ColumnCopy.whole(rows, width, 1f, true);
    return Pass.of(
        () -> {
          for (int i = 0; i < binding.inputs(); i++) {
            backend.copyColumns(i == 0 ? copy : add, binding.input(i), binding.output(0));
          }
        },
        () -> {
          for (int i = 0; i < binding.inputs(); i++) {
            var dx = binding.inputGradient(i);
            if (dx != null) {
              backend.copyColumns(copy, binding.neededOutputGradient(0), dx);
            }
          }
        });
  }
}
