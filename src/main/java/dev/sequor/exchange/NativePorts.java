package dev.sequor.exchange;

import dev.sequor.io.TensorType;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.StateVectors;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The tensors that a network of this library takes and gives; states as the vectors they are of.
 */
final class NativePorts {
  private final Network network;
  private final Map<String, ValueShape> shapes;
  private final Set<String> taken;
  private final List<Network.Input> inputs = new ArrayList<>();
  private final List<Network.Node> nodes = new ArrayList<>();
  private final List<String> outputs = new ArrayList<>();
  private final List<ExchangedModel.Input> given = new ArrayList<>();
  private final List<ExchangedModel.Output> made = new ArrayList<>();

  private NativePorts(Network network) {
    this.network = network;
    this.shapes = network.shapes();
    this.taken = new HashSet<>(shapes.keySet());
  }

  static ExchangedModel of(Network network, List<NamedTensor> parameters) {
    NativePorts ports = new NativePorts(network);
    network.inputs().forEach(ports::input);
    network.inputs().forEach(ports::lengths);
    ports.nodes.addAll(network.nodes());
    network.outputs().forEach(ports::output);
    return new ExchangedModel(
        new Network(ports.inputs, ports.nodes, ports.outputs), parameters, ports.given, ports.made);
  }

  private String newName(String name) {
    if (!taken.add(name)) {
      throw new IllegalArgumentException(
          "'" + name + "' is the name of a value; needed for a part of a state, or for lengths");
    }
    return name;
  }

  /** {@code state_h}, {@code state_c}, and whatever more vectors there are by their numbers. */
  private String vectorName(String state, int vector) {
    String suffix = vector == 0 ? "h" : vector == 1 ? "c" : String.valueOf(vector);
    return newName(state.replace('.', '_') + "_" + suffix);
  }

  private void input(Network.Input input) {
    String name = input.name();
    if (!(input.shape() instanceof ValueShape.State state)) {
      inputs.add(input);
      TensorType type =
          input.shape() instanceof ValueShape.Tokens ? TensorType.I64 : TensorType.F32;
      given.add(ExchangedModel.Input.of(name, type, layout(input.shape()), name));
      return;
    }
    List<String> vectors = new ArrayList<>();
    for (int s = 0; s < state.states(); s++) {
      String vector = vectorName(name, s);
      inputs.add(
          new Network.Input(vector, new ValueShape.Vector("", state.blocks() * state.width())));
      given.add(
          ExchangedModel.Input.of(
              vector, TensorType.F32, TensorLayout.blocks(state.blocks(), state.width()), vector));
      vectors.add(vector);
    }
    nodes.add(
        new Network.Node(
            name,
            new VectorsState(state.blocks(), state.states(), state.width()),
            vectors,
            List.of()));
  }

  private void lengths(Network.Input input) {
    if (input.bringsAxis() && !network.unpaddedAxes().containsKey(input.name())) {
      given.add(
          ExchangedModel.Input.optionalLengths(newName(input.name() + "_lengths"), input.name()));
    }
  }

  private void output(String value) {
    ValueShape shape = Objects.requireNonNull(shapes.get(value));
    if (!(shape instanceof ValueShape.State state)) {
      outputs.add(value);
      made.add(ExchangedModel.Output.of(value, layout(shape), value));
      return;
    }
    for (int s = 0; s < state.states(); s++) {
      String vector = vectorName(value, s);
      nodes.add(new Network.Node(vector, new StateVectors(s), List.of(value), List.of()));
      outputs.add(vector);
      made.add(
          ExchangedModel.Output.of(
              vector, TensorLayout.blocks(state.blocks(), state.width()), vector));
    }
  }

  private static TensorLayout layout(ValueShape shape) {
    if (shape instanceof ValueShape.Tokens) {
      return TensorLayout.timeFirstTokens();
    }
    return shape instanceof ValueShape.Sequence
        ? TensorLayout.timeFirst(shape.width())
        : TensorLayout.vectors(shape.width());
  }
}
