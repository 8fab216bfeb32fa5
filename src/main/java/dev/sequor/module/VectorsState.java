package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * A recurrent state {@code [blocks,S,B,H]} of {@code S} vectors {@code [B,blocks·H]}, for example
 * {@code h} and {@code c} of an LSTM. {@link StateVectors} is the inverse.
 *
 * @param blocks {@code L·D}
 * @param states {@code S}, as many as there are inputs
 * @param width {@code H}
 */
public record VectorsState(int blocks, int states, int width) implements Module {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first that is less than 1
   */
  public VectorsState {
    new ValueShape.State(blocks, states, width);
  }

  private ValueShape.State shape() {
    return new ValueShape.State(blocks, states, width);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    for (ValueShape input : inputs) {
      if (!(input instanceof ValueShape.Vector) || input.width() != (long) blocks * width) {
        throw new IllegalArgumentException(
            this + " is given " + input + "; needed vectors of " + (long) blocks * width);
      }
    }
    if (inputs.size() != states) {
      throw new IllegalArgumentException(
          this + " is given " + inputs.size() + " inputs; needed " + states);
    }
    return List.of(new Output("y", shape()));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    StateVectors.StateParts parts = new StateVectors.StateParts(shape(), binding.batchSize());
    return Pass.of(
        () -> {
          for (int s = 0; s < states; s++) {
            parts.fromVectors(backend, s, binding.input(s), binding.output(0));
          }
        },
        () -> {
          for (int s = 0; s < states; s++) {
            Buffer dx = binding.inputGradient(s);
            if (dx != null) {
              parts.toVectors(backend, s, binding.neededOutputGradient(0), dx);
            }
          }
        });
  }
}
