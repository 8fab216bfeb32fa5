package dev.sequor.exchange.keras;

import dev.sequor.exchange.keras.KerasArguments.Argument;
import java.util.List;

/**
 * One call of a layer.
 *
 * @param inputs the tensors of its first argument
 * @param states the tensors of {@code initial_state}; none if it is not given
 * @param operands all positional arguments, for operations
 * @param isMasked whether it is given a mask besides
 */
record KerasCall(
    List<KerasValue> inputs, List<KerasValue> states, List<Argument> operands, boolean isMasked) {
  /** With inputs alone. */
  static KerasCall of(List<KerasValue> inputs) {
    return new KerasCall(inputs, List.of(), List.of(), false);
  }

  /** The only input. */
  KerasValue input() {
    if (inputs.size() != 1) {
      throw new IllegalArgumentException("is given " + inputs.size() + " tensors; needed 1");
    }
    return inputs.get(0);
  }
}
