package dev.sequor.module;

import dev.sequor.backend.Mode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which gradients a backward pass of a network takes: by every value that depends on something
 * trainable, or on an input whose gradient was asked for, and that an output depends on.
 */
final class Gradients {
  private final Set<String> wanted = new HashSet<>();
  private final Set<String> replacing = new HashSet<>();
  private final Set<String> read = new HashSet<>();
  private final Set<Network.Node> backward = new HashSet<>();

  private Gradients() {}

  static Gradients of(Network network, Mode mode, Set<String> inputGradients) {
    Gradients gradients = new Gradients();
    gradients.read.addAll(network.outputs());
    network.nodes().forEach(node -> gradients.read.addAll(node.inputs()));
    if (mode == Mode.TRAINING) {
      gradients.want(network, inputGradients);
    }
    return gradients;
  }

  private void want(Network network, Set<String> inputGradients) {
    Set<String> trainable = new HashSet<>(inputGradients);
    Map<String, ValueShape> shapes = network.shapes();
    Map<Network.Node, List<String>> made = new HashMap<>();
    for (Network.Node node : network.nodes()) {
      List<String> outputs =
          Network.outputsOf(node, shapes).stream().map(Module.Output::name).toList();
      made.put(node, outputs);
      if (!node.module().parameters().isEmpty()
          || node.inputs().stream().anyMatch(trainable::contains)) {
        for (String output : outputs) {
          if (!(shapes.get(output) instanceof ValueShape.Tokens)) { // no gradient by integers
            trainable.add(output);
          }
        }
      }
    }
    Set<String> reached = new HashSet<>(network.outputs());
    List<Network.Node> nodes = network.nodes();
    Map<String, Integer> readers = new HashMap<>();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Network.Node node = nodes.get(i);
      node.inputs().forEach(input -> readers.merge(input, 1, Integer::sum));
      List<String> outputs = made.getOrDefault(node, List.of());
      if (outputs.stream().anyMatch(name -> reached.contains(name) && trainable.contains(name))) {
        backward.add(node);
        reached.addAll(node.inputs());
      }
      for (String output : outputs) {
        if (network.outputs().contains(output)
            && !readers.containsKey(output)
            && !node.module().backwardReadsOutputs()) {
          replacing.add(output);
        }
      }
    }
    wanted.addAll(trainable);
    wanted.retainAll(reached);
    // The caller writes these, whether or not anything depends on them.
    wanted.addAll(network.outputs());
  }

  /** Whether there is memory for the gradient by a value. */
  boolean wants(String value) {
    return wanted.contains(value);
  }

  /** Whether the gradient by a value takes its memory. */
  boolean replacesValue(String value) {
    return replacing.contains(value);
  }

  /** Whether a node, or whoever uses the network, reads a value. */
  boolean isRead(String value) {
    return read.contains(value);
  }

  /** Whether a node runs backward. */
  boolean runsBackward(Network.Node node) {
    return backward.contains(node);
  }
}
