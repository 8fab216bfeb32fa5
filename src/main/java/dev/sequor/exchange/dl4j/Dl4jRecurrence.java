package dev.sequor.exchange.dl4j;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.Columns;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Recurrent layers of Deeplearning4j, with the parameters that come next. */
final class Dl4jRecurrence {
  private final NetworkDraft draft;
  private final Dl4jParameters parameters;

  Dl4jRecurrence(NetworkDraft draft, Dl4jParameters parameters) {
    this.draft = draft;
    this.parameters = parameters;
  }

  /** A direction of a layer. */
  private record Cell(RnnSpec stack, GateRows rows) {}

  /** All steps of a layer. */
  String sequences(JsonObject layer, String x) throws MalformedFileException {
    return switch (Dl4jGraph.kind(layer)) {
      case "Bidirectional" -> bidirectional(layer, x);
      case "GravesBidirectionalLSTM" ->
          merged(layer, x, "ADD", cell(layer, "GravesLSTM"), cell(layer, "GravesLSTM"));
      default -> add(layer, x, Direction.FORWARD, List.of(cell(layer, Dl4jGraph.kind(layer))));
    };
  }

  private String bidirectional(JsonObject layer, String x) throws MalformedFileException {
    JsonObject forward = layer.object("fwd");
    JsonObject backward = layer.object("bwd");
    return merged(
        layer,
        x,
        layer.text("mode"),
        cell(forward, Dl4jGraph.kind(forward)),
        cell(backward, Dl4jGraph.kind(backward)));
  }

  private String merged(JsonObject layer, String x, String mode, Cell forward, Cell backward)
      throws MalformedFileException {
    if (!forward.stack().equals(backward.stack())) {
      throw new IllegalArgumentException(
          "has another layer backwards than forwards, which is not supported");
    }
    String y = add(layer, x, Direction.BIDIRECTIONAL, List.of(forward, backward));
    int h = forward.stack().hiddenSize();
    return switch (mode) {
      case "CONCAT" -> y;
      case "ADD" -> draft.add("merged", new MergeDirections(MergeDirections.How.SUM), y);
      case "AVERAGE" -> draft.add("merged", new MergeDirections(MergeDirections.How.MEAN), y);
      case "MUL" ->
          draft.add(
              "merged",
              new Product(),
              draft.add("forward", Columns.range(2 * h, 0, h), y),
              draft.add("backward", Columns.range(2 * h, h, h), y));
      default -> throw layer.refused("mode", "CONCAT, ADD, AVERAGE or MUL");
    };
  }

  private String add(JsonObject layer, String x, Direction direction, List<Cell> cells)
      throws MalformedFileException {
    RnnSpec stack = cells.get(0).stack().withDirection(direction);
    List<GateRows> rows = cells.stream().map(Cell::rows).toList();
    return draft.add(
        Dl4jLayers.name(layer),
        new Recurrent(stack),
        List.of(x),
        List.of(new Weights(new Object(), GateRows.block(stack, rows))));
  }

  /**
   * A layer with its parameters. Matrices lie column by column, which are rows here; gates stand in
   * the order candidate, forget, output, input, and peepholes behind them in the order f, o, i.
   *
   * @param kind the class of one direction
   */
  private Cell cell(JsonObject layer, String kind) throws MalformedFileException {
    if (layer.flag("hasLayerNorm", false)) {
      throw new IllegalArgumentException("has layer normalisation, which is not supported");
    }
    CellType type =
        switch (kind) {
          case "LSTM" -> CellType.LSTM;
          case "GravesLSTM" -> CellType.LSTM_PEEPHOLE;
          case "SimpleRnn" -> CellType.RNN_TANH;
          default ->
              throw new IllegalArgumentException(
                  "has a " + kind + " in it, which is not supported");
        };
    int in = layer.integer("nin", 1);
    int h = layer.integer("nout", 1);
    GateFunction function = Dl4jFunctions.ofGate(layer, "activationFn");
    List<GateFunction> functions =
        type == CellType.RNN_TANH
            ? List.of(function)
            : List.of(Dl4jFunctions.ofGate(layer, "gateActivationFn"), function, function);
    for (CellType other : List.of(CellType.RNN_RELU, CellType.RNN_LINEAR)) {
      type = type == CellType.RNN_TANH && functions.equals(other.functions()) ? other : type;
    }
    RnnSpec stack = RnnSpec.of(type, in, h);
    if (!functions.equals(type.functions())) {
      GateFunction[] its = functions.toArray(GateFunction[]::new);
      stack = stack.withOptions(CellOptions.builder().activations(its).build());
    }
    int gates = type.gates();
    long columns = (long) gates * h;
    float[] input = parameters.take(in * columns);
    float[] recurrent = parameters.take(h * columns);
    float @Nullable [] peepholes = null;
    if (type == CellType.LSTM_PEEPHOLE) {
      float[] theirs = parameters.take(3L * h);
      peepholes = new float[3 * h];
      for (int i = 0; i < 3; i++) {
        System.arraycopy(theirs, "foi".indexOf("ifo".charAt(i)) * h, peepholes, i * h, h);
      }
    }
    float[] bias = parameters.take(columns);
    return new Cell(
        stack, new GateRows(gates == 1 ? "h" : "gfoi", input, recurrent, bias, null, peepholes));
  }
}
