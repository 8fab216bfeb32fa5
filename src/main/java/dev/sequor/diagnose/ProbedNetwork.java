package dev.sequor.diagnose;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.Dropout;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.Recurrent;
import dev.sequor.module.StateVectors;
import dev.sequor.module.Sum;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A network without random numbers whose recurrent stacks have zeros added to what they give: the
 * gradient by these zeros is the one by the outputs of the stack, whatever reads those.
 */
final class ProbedNetwork {
  private static final String PROBE = "probe.";
  private static final String PROBED = "probed.";

  private final Network network;
  private final Map<String, ValueShape> shapes;
  private final Map<String, String> replaced = new HashMap<>();
  private final List<Network.Input> inputs = new ArrayList<>();
  private final List<Network.Node> nodes = new ArrayList<>();

  /** By the names of the stacks. */
  private final Map<String, List<String>> stateProbes = new HashMap<>();

  /**
   * A recurrent stack in it, without dropout and zoneout.
   *
   * @param probe the zeros {@code [T,B,W]} that its outputs have added
   * @param stateProbes those {@code [B,blocks·H]} that each vector of its final state has added;
   *     none if nothing reads the state
   */
  record Stack(RecurrentStack recurrent, String probe, List<String> stateProbes) {}

  ProbedNetwork(Network network) {
    this.network = network;
    this.shapes = network.shapes();
    inputs.addAll(network.inputs());
    network.nodes().forEach(this::add);
  }

  /** The network, with the parameters of the one it was made of. */
  Network network() {
    return new Network(inputs, nodes, network.outputs().stream().map(this::now).toList());
  }

  /** What {@code value} of the network it was made of is called in this. */
  String now(String value) {
    return replaced.getOrDefault(value, value);
  }

  List<Stack> stacks() {
    return RecurrentStack.of(network()).stream()
        .map(
            stack ->
                new Stack(
                    stack, PROBE + stack.node(), stateProbes.getOrDefault(stack.node(), List.of())))
        .toList();
  }

  /** The inputs that are zeros, by which a pass takes the gradient. */
  Set<String> probes() {
    Set<String> probes = new HashSet<>();
    for (Stack stack : stacks()) {
      probes.add(stack.probe());
      probes.addAll(stack.stateProbes());
    }
    return probes;
  }

  /** Gives a pass of {@link #network()} its zeros. */
  void giveZeros(NetworkPass pass) {
    for (String probe : probes()) {
      pass.put(probe, new float[Math.toIntExact(pass.value(probe).elements())]);
    }
  }

  private void add(Network.Node node) {
    List<String> read = node.inputs().stream().map(this::now).toList();
    if (node.module() instanceof Dropout) {
      replaced.put(node.name(), read.get(0));
    } else if (node.module() instanceof Recurrent recurrent) {
      addStack(node, certain(recurrent.stack()), read);
    } else {
      nodes.add(new Network.Node(node.name(), node.module(), read, node.shared()));
    }
  }

  /** The same stack without random numbers: what it is in inference, but for the zoneout. */
  private static RnnSpec certain(RnnSpec stack) {
    CellOptions options =
        stack.options().toBuilder()
            .zoneout(0, 0)
            .recurrentDropConnect(0)
            .inputDropout(0)
            .recurrentDropout(0)
            .build();
    return stack.withDropout(0).withOptions(options);
  }

  private void addStack(Network.Node node, RnnSpec spec, List<String> read) {
    String name = node.name();
    nodes.add(new Network.Node(name, new Recurrent(spec), read, node.shared()));
    ValueShape shape = Objects.requireNonNull(shapes.get(name));
    inputs.add(new Network.Input(PROBE + name, shape));
    nodes.add(node(PROBED + name, new Sum(), name, PROBE + name));
    String state = name + "." + Recurrent.FINAL_STATE;
    boolean isRead =
        network.outputs().contains(state)
            || network.nodes().stream().anyMatch(other -> other.inputs().contains(state));
    if (isRead) {
      stateProbes.put(name, addStateProbes(name, state));
      replaced.put(state, PROBED + state);
    }
    replaced.put(name, PROBED + name);
  }

  private List<String> addStateProbes(String name, String state) {
    ValueShape.State shape = (ValueShape.State) Objects.requireNonNull(shapes.get(state));
    List<String> probes = new ArrayList<>();
    List<String> vectors = new ArrayList<>();
    for (int s = 0; s < shape.states(); s++) {
      String probe = PROBE + name + ".state." + s;
      inputs.add(
          new Network.Input(probe, new ValueShape.Vector("", shape.blocks() * shape.width())));
      nodes.add(node(PROBED + name + ".vector." + s, new StateVectors(s), state));
      nodes.add(
          node(PROBED + name + ".sum." + s, new Sum(), PROBED + name + ".vector." + s, probe));
      probes.add(probe);
      vectors.add(PROBED + name + ".sum." + s);
    }
    nodes.add(
        node(
            PROBED + state,
            new VectorsState(shape.blocks(), shape.states(), shape.width()),
            vectors.toArray(String[]::new)));
    return probes;
  }

  private static Network.Node node(String name, Module module, String... read) {
    return new Network.Node(name, module, List.of(read), List.of());
  }
}
