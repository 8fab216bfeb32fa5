package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.onnx.Writing.Block;
import dev.sequor.module.LastStep;
import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Recurrent stacks: a node of RNN, GRU or LSTM for each layer; cells that those do not have as a
 * Scan.
 */
final class RecurrentWriter {
  private final Network.Node node;
  private final Writing to;
  private final GraphDraft graph;
  private final RnnSpec stack;
  private final Block block;
  private final String axis;
  private final @Nullable StateTensors start;
  private final StateTensors end;
  private final boolean endsAreRead;

  private RecurrentWriter(Network.Node node, Writing to) {
    this.node = node;
    this.to = to;
    this.graph = to.graph;
    this.stack = ((Recurrent) node.module()).stack();
    this.block = to.block(node, 0);
    this.axis = to.shape(node.inputs().get(0)).axis();
    this.start = node.inputs().size() == 2 ? to.lazyState(node.inputs().get(1)) : null;
    String last = node.name() + "." + Recurrent.FINAL_STATE;
    this.end = StateTensors.empty(graph, last, (ValueShape.State) to.shape(last));
    this.endsAreRead =
        to.network.outputs().contains(last)
            || to.network.nodes().stream()
                .anyMatch(
                    other ->
                        other.inputs().contains(last)
                            || (other.module() instanceof LastStep
                                && other.inputs().contains(node.name())));
  }

  static void addTo(Map<Class<? extends Module>, ModuleWriter> writers) {
    writers.put(Recurrent.class, (node, to) -> new RecurrentWriter(node, to).write());
  }

  private void write() {
    String x = to.tensor(node.inputs().get(0));
    for (int layer = 0; layer < stack.layers(); layer++) {
      x = isOnnx(stack) ? layer(layer, x) : scanned(layer, x);
    }
    to.put(node.name(), x);
    to.putState(node.name() + "." + Recurrent.FINAL_STATE, end);
  }

  /** Whether ONNX has such a cell. */
  private static boolean isOnnx(RnnSpec stack) {
    CellOptions options = stack.options();
    boolean known =
        options.toBuilder()
            .activations()
            .coupledGates(false)
            .gateClip(0)
            .build()
            .changeSteps(Mode.INFERENCE);
    return !known && stack.cell() != CellType.LSTM_CELL_RECURRENT;
  }

  private String name(int layer) {
    return stack.layers() == 1 ? node.name() : node.name() + "." + layer;
  }

  private List<NamedTensor> tensors(int layer) {
    int each = block.tensors().size() / stack.layers();
    return block.tensors().subList(layer * each, (layer + 1) * each);
  }

  /** One layer of the stack, by itself. */
  private RnnSpec spec(int layer) {
    return RnnSpec.of(
            stack.cell(), layer == 0 ? stack.inputSize() : stack.outputSize(), stack.hiddenSize())
        .withDirection(stack.direction())
        .withOptions(stack.options());
  }

  // ---- ONNX's own cells -------------------------------------------------------------------------

  private String layer(int layer, String x) {
    RnnSpec one = spec(layer);
    OnnxCell cell = new OnnxCell(one);
    OnnxCell.Tensors theirs =
        cell.theirs(tensors(layer).stream().map(NamedTensor::values).toList());
    int d = one.directions();
    int h = one.hiddenSize();
    int rows = OnnxCell.gates(one.cell()).length() * h;
    String owner = stack.layers() == 1 ? block.node() : block.node() + "." + layer;
    List<String> from = new ArrayList<>();
    from.add(x);
    from.add(graph.weights(owner + ".W", List.of(d, rows, one.inputSize()), theirs::w));
    from.add(graph.weights(owner + ".R", List.of(d, rows, h), theirs::r));
    from.add(
        graph.weights(
            owner + ".B", List.of(d, 2 * rows), () -> Objects.requireNonNull(theirs.b())));
    from.add(to.sequenceLengths(axis));
    for (int s = 0; s < one.cell().states(); s++) {
      from.add(start == null ? "" : start.blocks(s, layer * d, d));
    }
    if (theirs.p() != null) {
      float[] p = theirs.p();
      from.add(graph.weights(owner + ".P", List.of(d, 3 * h), () -> p));
    }
    while (from.get(from.size() - 1).isEmpty()) {
      from.remove(from.size() - 1);
    }
    String name = name(layer);
    List<String> outputs = new ArrayList<>(List.of(name + ".Y"));
    for (int s = 0; endsAreRead && s < one.cell().states(); s++) {
      outputs.add(name + "." + StateTensors.letter(s));
    }
    List<String> made =
        graph.addAll(
            operator(one.cell()), outputs, from, attributes(one).toArray(AttributeProto[]::new));
    for (int s = 0; s < made.size() - 1; s++) {
      end.put(s, layer * d, d, made.get(s + 1));
    }
    return joined(made.get(0), one, name);
  }

  /** {@code [T,D,B,H]} as {@code [T,B,D·H]}. */
  private String joined(String y, RnnSpec one, String name) {
    if (one.directions() == 1) {
      return to.squeeze(y, 1, name);
    }
    Dim steps = to.size(axis);
    Dim width = Dim.of(one.stateSize());
    String turned = to.transpose(y, List.of(0, 2, 1, 3), name + ".turned");
    return to.reshape(
        turned,
        List.of(steps, to.batch(), Dim.of(2), width),
        List.of(steps, to.batch(), Dim.of(one.outputSize())),
        name);
  }

  private static String operator(CellType cell) {
    return switch (cell.gates()) {
      case 1 -> "RNN";
      case 3 -> "GRU";
      default -> "LSTM";
    };
  }

  private static List<AttributeProto> attributes(RnnSpec one) {
    List<AttributeProto> attributes = new ArrayList<>();
    List<GateFunction> functions = one.functions();
    CellType usual =
        switch (one.cell()) {
          case RNN_LINEAR, RNN_RELU -> CellType.RNN_TANH;
          default -> one.cell();
        };
    if (!functions.equals(usual.functions())) {
      List<GateFunction> all =
          Collections.nCopies(one.directions(), functions).stream().flatMap(List::stream).toList();
      attributes.add(
          GraphDraft.texts(
              "activations", all.stream().map(f -> Activations.name(f.kind())).toList()));
      List<Float> alphas =
          all.stream().filter(f -> Activations.hasAlpha(f.kind())).map(f -> f.alpha()).toList();
      List<Float> betas =
          all.stream().filter(f -> Activations.hasBeta(f.kind())).map(f -> f.beta()).toList();
      if (!alphas.isEmpty()) {
        attributes.add(GraphDraft.numbers("activation_alpha", alphas));
      }
      if (!betas.isEmpty()) {
        attributes.add(GraphDraft.numbers("activation_beta", betas));
      }
    }
    if (one.options().gateClip() > 0) {
      attributes.add(GraphDraft.attribute("clip", one.options().gateClip()));
    }
    attributes.add(
        GraphDraft.attribute("direction", one.direction().name().toLowerCase(Locale.ROOT)));
    attributes.add(GraphDraft.attribute("hidden_size", (long) one.hiddenSize()));
    if (one.options().coupledGates()) {
      attributes.add(GraphDraft.attribute("input_forget", 1L));
    }
    if (one.cell() == CellType.GRU_RESET_AFTER) {
      attributes.add(GraphDraft.attribute("linear_before_reset", 1L));
    }
    return attributes;
  }

  // ---- other cells ------------------------------------------------------------------------------

  private String scanned(int layer, String x) {
    RnnSpec one = spec(layer);
    int directions = one.directions();
    List<NamedTensor> tensors = tensors(layer);
    int each = tensors.size() / directions;
    List<String> sequences = new ArrayList<>();
    for (int d = 0; d < directions; d++) {
      String name = name(layer) + (directions == 1 ? "" : d == 0 ? ".forward" : ".backward");
      ScanWriter scan =
          new ScanWriter(to, one, d, axis, name, tensors.subList(d * each, (d + 1) * each));
      int at = layer * directions + d;
      List<String> first = new ArrayList<>();
      for (int s = 0; s < one.cell().states(); s++) {
        first.add(start == null ? "" : start.blocks(s, at, 1));
      }
      ScanWriter.Made made = scan.write(x, first);
      for (int s = 0; endsAreRead && s < one.cell().states(); s++) {
        end.put(s, at, 1, made.states().get(s).get());
      }
      sequences.add(made.sequence());
    }
    return to.concat(sequences, -1, name(layer));
  }
}
