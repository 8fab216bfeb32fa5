package dev.sequor.exchange;

import dev.sequor.backend.Activation;
import dev.sequor.module.Activate;
import dev.sequor.module.Linear;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.Softmax;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions that make probabilities of what losses read. */
final class LastActivation {
  private LastActivation() {}

  private static boolean isOne(Module module) {
    return module instanceof Softmax
        || module instanceof LogSoftmax
        || (module instanceof Activate activate && activate.function() == Activation.SIGMOID);
  }

  static ExchangedModel removed(ExchangedModel model) {
    Network network = model.network();
    List<Network.Node> nodes = new ArrayList<>();
    // What stands for an output now.
    Map<String, String> instead = new LinkedHashMap<>();
    for (Network.Node node : network.nodes()) {
      boolean isLast = network.outputs().contains(node.name());
      if (isLast && isOne(node.module())) {
        requireUnread(network, node.name());
        instead.put(node.name(), node.inputs().get(0));
      } else if (isLast
          && node.module() instanceof Linear linear
          && linear.activation() == Activation.SIGMOID) {
        requireUnread(network, node.name());
        instead.put(node.name(), node.name());
        Linear plain =
            new Linear(linear.inputSize(), linear.outputSize(), Activation.NONE, linear.bias());
        nodes.add(new Network.Node(node.name(), plain, node.inputs(), node.shared()));
      } else {
        nodes.add(node);
      }
    }
    if (instead.isEmpty()) {
      throw new IllegalArgumentException(
          "the model's outputs "
              + network.outputs()
              + " end in no softmax, log-softmax or sigmoid; needed one of these to leave out");
    }
    List<String> outputs =
        network.outputs().stream().map(o -> instead.getOrDefault(o, o)).distinct().toList();
    return new ExchangedModel(
        new Network(network.inputs(), nodes, outputs),
        model.parameters(),
        model.inputs(),
        model.outputs().stream()
            .map(
                o ->
                    new ExchangedModel.Output(
                        o.name(),
                        o.layout(),
                        instead.getOrDefault(o.value(), o.value()),
                        o.likeliest()))
            .toList());
  }

  private static void requireUnread(Network network, String value) {
    for (Network.Node node : network.nodes()) {
      if (node.inputs().contains(value)) {
        throw new IllegalArgumentException(
            "'"
                + value
                + "' is read by '"
                + node.name()
                + "'; needed an output that nothing reads");
      }
    }
  }
}
