package dev.sequor.exchange.onnx;

import dev.sequor.backend.Activation;
import dev.sequor.module.InitialState;
import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.StateBridge;
import dev.sequor.module.StateVectors;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Modules that make recurrent states, or read them. */
final class StateWriters {
  private StateWriters() {}

  static void addTo(Map<Class<? extends Module>, ModuleWriter> writers) {
    writers.put(InitialState.class, StateWriters::initialState);
    writers.put(StateBridge.class, StateWriters::bridge);
    writers.put(StateVectors.class, StateWriters::stateVectors);
    writers.put(VectorsState.class, StateWriters::vectorsState);
  }

  private static ValueShape.State shape(Network.Node node, Writing to) {
    return (ValueShape.State) to.shape(node.name());
  }

  private static void vectorsState(Network.Node node, Writing to) {
    ValueShape.State shape = shape(node, to);
    List<String> tensors = new ArrayList<>();
    for (String vector : node.inputs()) {
      tensors.add(to.blocks(vector, shape.blocks()));
    }
    to.putState(node.name(), StateTensors.of(to.graph, node.name(), shape, tensors));
  }

  private static void stateVectors(Network.Node node, Writing to) {
    int vector = ((StateVectors) node.module()).state();
    StateTensors state = to.lazyState(node.inputs().get(0));
    to.putBlocks(node.name(), state.shape().blocks(), state.all(vector));
  }

  /** What stands in the file are the blocks that are asked for, {@code [count,1,H]}. */
  private static void initialState(Network.Node node, Writing to) {
    ValueShape.State shape = shape(node, to);
    NamedTensor values = to.block(node, 0).tensors().get(0);
    to.putState(
        node.name(),
        StateTensors.of(
            to.graph,
            node.name(),
            shape,
            (vector, first, count) -> {
              String letter = StateTensors.letter(vector);
              String suffix =
                  count == shape.blocks() ? "." + letter : "." + letter + "." + first + "." + count;
              String weights =
                  to.graph.weights(
                      values.name() + suffix,
                      List.of(count, 1, shape.width()),
                      () -> blocks(values.values(), shape, vector, first, count));
              return to.graph.add(
                  "Expand",
                  node.name() + suffix,
                  List.of(
                      weights,
                      to.sizes(List.of(Dim.of(count), to.batch(), Dim.of(shape.width())))));
            }));
  }

  private static float[] blocks(
      float[] values, ValueShape.State shape, int vector, int first, int count) {
    int width = shape.width();
    float[] some = new float[count * width];
    for (int i = 0; i < count; i++) {
      int from = ((first + i) * shape.states() + vector) * width;
      System.arraycopy(values, from, some, i * width, width);
    }
    return some;
  }

  private static void bridge(Network.Node node, Writing to) {
    StateBridge bridge = (StateBridge) node.module();
    ValueShape.State made = bridge.to();
    StateTensors given = to.lazyState(node.inputs().get(0));
    int directions = bridge.directions();
    StateTensors state = StateTensors.empty(to.graph, node.name(), made);
    for (int i = 0; i < made.blocks() * made.states(); i++) {
      int layer = i / made.states();
      int vector = i % made.states();
      int from = Math.min(vector, bridge.from().states() - 1);
      int below = Math.max(0, layer + bridge.from().blocks() / directions - made.blocks());
      String wanted = node.name() + "." + StateTensors.letter(vector) + "." + layer;
      List<String> sources = new ArrayList<>();
      for (int d = 0; d < directions; d++) {
        sources.add(given.blocks(from, below * directions + d, 1));
      }
      String x = to.concat(sources, -1, wanted + ".merged");
      if (bridge.project()) {
        x =
            RowWriters.dense(
                to,
                to.block(node, 2 * i).tensors().get(0),
                to.block(node, 2 * i + 1).tensors().get(0),
                vector == 0 ? bridge.activation() : Activation.NONE,
                x,
                wanted);
      }
      state.put(vector, layer, 1, x);
    }
    to.putState(node.name(), state);
  }
}
