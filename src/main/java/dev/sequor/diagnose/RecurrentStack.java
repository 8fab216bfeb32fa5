package dev.sequor.diagnose;

import dev.sequor.backend.RnnSpec;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A recurrent stack of a network.
 *
 * @param node its name
 * @param owner the node whose tensors it has, which may be another
 * @param spec what it is
 * @param input what it reads
 * @param initialState the state it starts from; empty for zeros
 */
record RecurrentStack(String node, String owner, RnnSpec spec, String input, String initialState) {
  /** All of a network, in their order. */
  static List<RecurrentStack> of(Network network) {
    Map<String, String> owners = new HashMap<>();
    List<RecurrentStack> stacks = new ArrayList<>();
    for (Network.Node node : network.nodes()) {
      if (node.module() instanceof Recurrent recurrent) {
        String owner = owner(node, owners);
        owners.put(node.name(), owner);
        List<String> read = node.inputs();
        stacks.add(
            new RecurrentStack(
                node.name(),
                owner,
                recurrent.stack(),
                read.get(0),
                read.size() > 1 ? read.get(1) : ""));
      }
    }
    return stacks;
  }

  /**
   * All of a network.
   *
   * @throws IllegalArgumentException if there is none
   */
  static List<RecurrentStack> required(Network network) {
    List<RecurrentStack> stacks = of(network);
    if (stacks.isEmpty()) {
      throw new IllegalArgumentException(
          "the model has no recurrent stack; needed at least one to look at");
    }
    return stacks;
  }

  /** Stacks have one block of tensors, of their own or another's, whose name says whose. */
  private static String owner(Network.Node node, Map<String, String> owners) {
    if (node.shared().isEmpty()) {
      return node.name();
    }
    String of = node.shared().get(0).of();
    return Objects.requireNonNull(owners.get(of.substring(0, of.lastIndexOf(".layers."))));
  }
}
