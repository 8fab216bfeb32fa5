package dev.sequor.model;

import dev.sequor.backend.Loss;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.util.List;
import java.util.Objects;

/**
 * Any network with a loss.
 *
 * @param network with one output, a sequence or a vector
 * @param loss of that output
 */
public record NetworkModelSpec(Network network, Loss loss) implements ModelSpec {
  /**
   * Checks the output.
   *
   * @throws IllegalArgumentException if there is another number of outputs, it is a state, or the
   *     loss cannot be of it
   */
  public NetworkModelSpec {
    if (network.outputs().size() != 1) {
      throw new IllegalArgumentException(
          "the network's outputs are " + network.outputs() + "; a model needs 1");
    }
    List<String> outputs = network.outputs();
    if (network.shapes().get(outputs.get(0)) instanceof ValueShape.State state) {
      throw new IllegalArgumentException(
          "the output '" + outputs.get(0) + "' is " + state + "; needed a sequence or a vector");
    }
    ValueShape output = network.shapes().get(outputs.get(0));
    if (output != null) {
      LabelTargets.requireFit(loss, output.width(), output instanceof ValueShape.Sequence);
    }
    AdaptiveOutput.requireFit(network, outputs.get(0), loss);
    loss.requireOutputs(Objects.requireNonNull(network.shapes().get(outputs.get(0))).width());
  }

  @Override
  public String output() {
    return network.outputs().get(0);
  }
}
