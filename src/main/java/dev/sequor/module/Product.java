package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * The element-wise product of two or more values of one shape, for example of a value and a gate.
 */
public record Product() implements Module {
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
    return Pass.of(
        () -> multiply(backend, binding, binding.input(0), 0, binding.output(0)),
        () -> {
          for (int i = 0; i < binding.inputs(); i++) {
            Buffer dx = binding.inputGradient(i);
            if (dx != null) {
              multiply(backend, binding, binding.neededOutputGradient(0), i, dx);
            }
          }
        });
  }

  /** {@code to = first ∘} all inputs but number {@code without}. */
  private static void multiply(
      Backend backend, Binding binding, Buffer first, int without, Buffer to) {
    Buffer so = first;
    for (int i = 0; i < binding.inputs(); i++) {
      if (i != without) {
        backend.multiply(so, binding.input(i), to, false);
        so = to;
      }
    }
  }
}
