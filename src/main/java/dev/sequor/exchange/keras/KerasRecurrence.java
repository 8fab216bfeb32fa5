package dev.sequor.exchange.keras;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.exchange.keras.KerasValue.Filling;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.LastStep;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Reverse;
import dev.sequor.module.StateVectors;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Recurrent layers of Keras. Gates stand in columns there, in the order i, f, c, o of an LSTM and
 * z, r, h of a GRU. A layer that goes backwards gives its outputs in the order in which it makes
 * them.
 */
final class KerasRecurrence {
  private static final String[] OF_LAYERS = {
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "implementation",
    "use_cudnn"
  };

  private static final String[] OF_CELLS = {
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "unit_forget_bias",
    "dropout",
    "recurrent_dropout",
    "reset_after",
    "implementation"
  };

  private final KerasTranslation to;
  private final NetworkDraft draft;

  KerasRecurrence(KerasTranslation to) {
    this.to = to;
    this.draft = to.draft;
  }

  /** A cell with what it was made with; {@code kind} is the class without {@code Cell}. */
  private record Cell(String kind, JsonObject config, List<NamedTensor> weights) {
    int units() throws MalformedFileException {
      return config.integer("units", 1);
    }

    boolean hasBias() throws MalformedFileException {
      return config.flag("use_bias", true);
    }

    boolean resetsAfter() throws MalformedFileException {
      return kind.equals("GRU") && config.flag("reset_after", true);
    }

    String gates() {
      return switch (kind) {
        case "LSTM" -> "ifgo";
        case "GRU" -> "zrn";
        default -> "h";
      };
    }

    CellType type() throws MalformedFileException {
      return switch (kind) {
        case "LSTM" -> CellType.LSTM;
        case "GRU" -> resetsAfter() ? CellType.GRU_RESET_AFTER : CellType.GRU_RESET_BEFORE;
        default -> CellType.RNN_TANH;
      };
    }

    /** Its weights, checked, as rows. */
    GateRows rows(int inputSize) throws MalformedFileException {
      int h = units();
      int columns = gates().length() * h;
      if (!kind.equals("SimpleRNN")
          && weights.size() == 3
          && weights.get(2).shape().equals(List.of(2 * columns))) {
        return rowsOfCudnn(inputSize);
      }
      List<List<Integer>> needed = new ArrayList<>();
      needed.add(List.of(inputSize, columns));
      needed.add(List.of(h, columns));
      if (hasBias()) {
        needed.add(resetsAfter() ? List.of(2, columns) : List.of(columns));
      }
      KerasLayers.requireShapes(weights, needed);
      float @Nullable [] bias = hasBias() ? weights.get(2).values() : null;
      boolean two = bias != null && resetsAfter();
      return new GateRows(
          gates(),
          GateRows.transposed(weights.get(0).values(), inputSize),
          GateRows.transposed(weights.get(1).values(), h),
          two ? Arrays.copyOf(bias, columns) : bias,
          two ? Arrays.copyOfRange(bias, columns, 2 * columns) : null,
          null);
    }

    /** Of a layer that was made for cuDNN alone: two biases, and each gate's rows in one piece. */
    private GateRows rowsOfCudnn(int inputSize) throws MalformedFileException {
      int h = units();
      int gates = gates().length();
      int columns = gates * h;
      KerasLayers.requireShapes(
          weights, List.of(List.of(inputSize, columns), List.of(h, columns), List.of(2 * columns)));
      float[] both = weights.get(2).values();
      float[] bias = Arrays.copyOf(both, columns);
      float[] second = Arrays.copyOfRange(both, columns, 2 * columns);
      boolean two = resetsAfter();
      for (int i = 0; i < columns && !two; i++) {
        bias[i] += second[i];
      }
      return new GateRows(
          gates(),
          byGate(weights.get(0).values(), inputSize, gates),
          byGate(weights.get(1).values(), h, gates),
          bias,
          two ? second : null,
          null);
    }

    /** {@code [rows, gates, H]} as {@code [gates, rows, H]}. */
    private static float[] byGate(float[] values, int rows, int gates) {
      int h = values.length / (rows * gates);
      float[] moved = new float[values.length];
      for (int row = 0; row < rows; row++) {
        for (int gate = 0; gate < gates; gate++) {
          System.arraycopy(values, (row * gates + gate) * h, moved, (gate * rows + row) * h, h);
        }
      }
      return moved;
    }
  }

  private static String[] all(String[] some, String... others) {
    String[] all = Arrays.copyOf(some, some.length + others.length);
    System.arraycopy(others, 0, all, some.length, others.length);
    return all;
  }

  /** The cells of a recurrent layer, from below. */
  private static List<Cell> cells(KerasLayer layer) throws MalformedFileException {
    JsonObject config = layer.config();
    if (!layer.className().equals("RNN")) {
      switch (layer.className()) {
        case "LSTM", "GRU", "SimpleRNN" -> {}
        default ->
            throw new IllegalArgumentException(
                "has a layer '"
                    + layer.name()
                    + "' ("
                    + layer.className()
                    + ") in it, which is not supported");
      }
      KerasLayers.requireKnown(config, all(OF_LAYERS, OF_CELLS));
      return List.of(new Cell(layer.className(), config, layer.weights()));
    }
    KerasLayers.requireKnown(config, all(OF_LAYERS, "cell"));
    JsonObject cell = config.object("cell");
    List<JsonObject> all =
        cell.text("class_name").equals("StackedRNNCells")
            ? cell.object("config").objects("cells")
            : List.of(cell);
    List<Cell> cells = new ArrayList<>();
    int from = 0;
    for (JsonObject each : all) {
      String kind = each.text("class_name");
      switch (kind) {
        case "LSTMCell", "GRUCell", "SimpleRNNCell" -> {}
        default ->
            throw new IllegalArgumentException(
                "has a cell of the class '" + kind + "', which is not supported");
      }
      JsonObject its = each.object("config");
      KerasLayers.requireKnown(its, OF_CELLS);
      int end = Math.min(from + (its.flag("use_bias", true) ? 3 : 2), layer.weights().size());
      cells.add(
          new Cell(
              kind.substring(0, kind.length() - "Cell".length()),
              its,
              layer.weights().subList(from, end)));
      from = end;
    }
    if (cells.isEmpty() || from != layer.weights().size()) {
      throw new IllegalArgumentException(
          "has " + layer.weights().size() + " tensors and " + cells.size() + " cells");
    }
    return cells;
  }

  private RnnSpec stack(Cell cell, int inputSize, Direction direction)
      throws MalformedFileException {
    JsonObject config = cell.config();
    GateFunction function = to.functions.ofGate(KerasLayers.function(config, "activation"));
    List<GateFunction> functions =
        switch (cell.kind()) {
          case "SimpleRNN" -> List.of(function);
          case "GRU" -> List.of(gates(config), function);
          default -> List.of(gates(config), function, function);
        };
    CellType type = cell.type();
    for (CellType other : List.of(CellType.RNN_RELU, CellType.RNN_LINEAR)) {
      if (type == CellType.RNN_TANH && functions.equals(other.functions())) {
        type = other;
      }
    }
    CellOptions.Builder options =
        CellOptions.builder()
            .inputDropout((float) config.number("dropout", 0))
            .recurrentDropout((float) config.number("recurrent_dropout", 0));
    if (!functions.equals(type.functions())) {
      options.activations(functions.toArray(GateFunction[]::new));
    }
    return RnnSpec.of(type, inputSize, cell.units())
        .withDirection(direction)
        .withOptions(options.build());
  }

  private GateFunction gates(JsonObject config) throws MalformedFileException {
    return to.functions.ofGate(KerasLayers.function(config, "recurrent_activation"));
  }

  private KerasValue sequence(KerasCall call) {
    KerasValue x = to.numbers(call.inputs().get(0));
    if (!(draft.shape(x.name()) instanceof ValueShape.Sequence)) {
      throw new IllegalArgumentException(
          "reads " + draft.shape(x.name()) + "; needed a sequence, [batch, time, features]");
    }
    return x;
  }

  /**
   * What a layer reads of {@code x}: since version 3 Keras heeds no mask where states are handed
   * over, unless the mask is handed over, too.
   */
  private KerasValue heeded(KerasCall call, KerasValue x, List<String> states) {
    return states.isEmpty() || !to.isKeras3 || call.isMasked() ? x : x.masked(false);
  }

  /** The states that a layer starts from, which older files have among its inputs. */
  private List<String> states(KerasCall call) {
    List<KerasValue> given = new ArrayList<>(call.inputs().subList(1, call.inputs().size()));
    given.addAll(call.states());
    return given.stream().map(each -> to.numbers(each).name()).toList();
  }

  // ---- one direction --------------------------------------------------------------------------

  List<KerasValue> layer(KerasLayer layer, KerasCall call) throws MalformedFileException {
    JsonObject config = layer.config();
    List<Cell> cells = cells(layer);
    List<String> states = states(call);
    KerasValue given = sequence(call);
    KerasValue x = heeded(call, given, states);
    to.reads(KerasTranslation.label(layer), x);
    boolean sequences = config.flag("return_sequences", false);
    boolean backwards = config.flag("go_backwards", false);
    boolean zeros = config.flag("zero_output_for_mask", false);
    boolean returnsState = config.flag("return_state", false);
    if (x.masked() && sequences && backwards) {
      throw new IllegalArgumentException(
          "goes backwards and gives all steps under a mask, which is not supported");
    }
    if (x.masked() && zeros && !sequences) {
      throw new IllegalArgumentException(
          "has zero_output_for_mask and gives its last step alone under a mask,"
              + " which is not supported");
    }
    if (cells.size() > 1 && (returnsState || !states.isEmpty())) {
      throw new IllegalArgumentException(
          "takes or gives the states of several cells, which is not supported");
    }
    Direction direction = backwards ? Direction.REVERSE : Direction.FORWARD;
    String y = x.name();
    RnnSpec stack = null;
    for (Cell cell : cells) {
      int width = draft.shape(y).width();
      stack = stack(cell, width, direction);
      y = add(layer.name(), stack, y, states, List.of(cell));
    }
    List<KerasValue> made = new ArrayList<>();
    Filling filling = zeros ? Filling.AT_REST : Filling.REPEATED;
    if (sequences) {
      String all = backwards ? draft.add(layer.name(), new Reverse(), y) : y;
      made.add(new KerasValue(all, null, x.steps(), given.masked(), filling));
    } else {
      made.add(KerasValue.vector(draft.add(layer.name(), new LastStep(direction), y)));
    }
    if (returnsState && stack != null) {
      for (int s = 0; s < stack.cell().states(); s++) {
        made.add(
            KerasValue.vector(
                draft.add(layer.name(), new StateVectors(s), y + "." + Recurrent.FINAL_STATE)));
      }
    }
    return made;
  }

  /**
   * Adds a stack of one layer.
   *
   * @param states {@code [h, c]} of each direction; none for zeros
   * @param cells of each direction
   */
  private String add(String name, RnnSpec stack, String x, List<String> states, List<Cell> cells)
      throws MalformedFileException {
    List<GateRows> rows = new ArrayList<>();
    List<Object> key = new ArrayList<>();
    for (Cell cell : cells) {
      rows.add(cell.rows(stack.inputSize()));
      cell.weights().forEach(tensor -> key.add(tensor.values()));
    }
    List<String> inputs = new ArrayList<>(List.of(x));
    if (!states.isEmpty()) {
      inputs.add(state(stack, states));
    }
    return draft.add(
        name, new Recurrent(stack), inputs, List.of(new Weights(key, GateRows.block(stack, rows))));
  }

  private String state(RnnSpec stack, List<String> states) {
    int each = stack.cell().states();
    int directions = stack.directions();
    if (states.size() != each * directions) {
      throw new IllegalArgumentException(
          "is given " + states.size() + " states; needed " + each * directions);
    }
    List<String> vectors = new ArrayList<>();
    for (int s = 0; s < each; s++) {
      vectors.add(
          directions == 1
              ? states.get(s)
              : draft.add("states", new Concatenation(), states.get(s), states.get(each + s)));
    }
    return draft.add(
        "state", new VectorsState(directions, each, stack.hiddenSize()), vectors, List.of());
  }

  // ---- both directions ------------------------------------------------------------------------

  List<KerasValue> bidirectional(KerasLayer layer, KerasCall call) throws MalformedFileException {
    JsonObject config = layer.config();
    KerasLayers.requireKnown(config, "layer", "backward_layer", "merge_mode");
    JsonObject forward = config.object("layer");
    boolean own = config.has("backward_layer");
    JsonObject backward = own ? config.object("backward_layer") : forward;
    for (String flag : List.of("return_sequences", "return_state")) {
      if (forward.object("config").flag(flag, false)
          != backward.object("config").flag(flag, false)) {
        throw new IllegalArgumentException("has another " + flag + " backwards than forwards");
      }
    }
    if (forward.object("config").flag("go_backwards", false)
        || (own && !backward.object("config").flag("go_backwards", false))) {
      throw new IllegalArgumentException(
          "has a forward layer that goes backwards, or a backward layer that does not,"
              + " which is not supported");
    }
    int half = layer.weights().size() / 2;
    // Biases may differ: the forward layer's own options say how many are its.
    KerasLayer first =
        new KerasLayer(forward, layer.weights().subList(0, count(forward, half, layer)));
    KerasLayer second =
        new KerasLayer(
            backward, layer.weights().subList(first.weights().size(), layer.weights().size()));
    List<Cell> one = cells(first);
    List<Cell> other = cells(second);
    if (one.size() != 1 || other.size() != 1) {
      throw new IllegalArgumentException("has several cells in it, which is not supported");
    }
    List<String> states = states(call);
    KerasValue given = sequence(call);
    KerasValue x = heeded(call, given, states);
    to.reads(KerasTranslation.label(layer), x);
    int width = draft.shape(x.name()).width();
    RnnSpec there = stack(one.get(0), width, Direction.BIDIRECTIONAL);
    RnnSpec back = stack(other.get(0), width, Direction.BIDIRECTIONAL);
    Both both =
        there.equals(back)
            ? together(layer.name(), there, x, states, List.of(one.get(0), other.get(0)))
            : apart(layer.name(), there, back, x, states, List.of(one.get(0), other.get(0)));
    boolean sequences = forward.object("config").flag("return_sequences", false);
    List<KerasValue> made = new ArrayList<>();
    for (String y : merged(layer.name(), config, both.lasting(draft, layer.name(), sequences))) {
      // Both directions have zeros at masked steps, whatever the layers' own options are.
      made.add(
          sequences
              ? new KerasValue(y, null, x.steps(), given.masked(), Filling.AT_REST)
              : KerasValue.vector(y));
    }
    if (forward.object("config").flag("return_state", false)) {
      both.states().forEach(state -> made.add(KerasValue.vector(state)));
    }
    return made;
  }

  private static int count(JsonObject forward, int half, KerasLayer layer)
      throws MalformedFileException {
    JsonObject config = forward.object("config");
    int count = config.has("units") ? (config.flag("use_bias", true) ? 3 : 2) : half;
    return Math.min(count, layer.weights().size());
  }

  /**
   * What both directions give: the sequence of both side by side, or one of each.
   *
   * @param sequences one, or two
   * @param states {@code h}, and {@code c}, of the forward direction and then of the other
   */
  private record Both(List<String> sequences, List<String> states) {
    /** The same, or the last step of each. */
    List<String> lasting(NetworkDraft draft, String name, boolean all) {
      if (all) {
        return sequences;
      }
      List<String> last = new ArrayList<>();
      for (int i = 0; i < sequences.size(); i++) {
        Direction direction =
            sequences.size() == 1
                ? Direction.BIDIRECTIONAL
                : i == 0 ? Direction.FORWARD : Direction.REVERSE;
        last.add(draft.add(name, new LastStep(direction), sequences.get(i)));
      }
      return last;
    }
  }

  private Both together(
      String name, RnnSpec stack, KerasValue x, List<String> states, List<Cell> cells)
      throws MalformedFileException {
    String y = add(name, stack, x.name(), states, cells);
    int h = stack.hiddenSize();
    List<String> vectors = new ArrayList<>();
    for (int d = 0; d < 2; d++) {
      for (int s = 0; s < stack.cell().states(); s++) {
        String of = draft.add(name, new StateVectors(s), y + "." + Recurrent.FINAL_STATE);
        vectors.add(draft.add(name, Columns.range(2 * h, d * h, h), of));
      }
    }
    return new Both(List.of(y), vectors);
  }

  private Both apart(
      String name, RnnSpec there, RnnSpec back, KerasValue x, List<String> states, List<Cell> cells)
      throws MalformedFileException {
    List<String> sequences = new ArrayList<>();
    List<String> vectors = new ArrayList<>();
    int half = states.size() / 2;
    for (int d = 0; d < 2; d++) {
      RnnSpec stack =
          d == 0 ? there.withDirection(Direction.FORWARD) : back.withDirection(Direction.REVERSE);
      List<String> its = d == 0 ? states.subList(0, half) : states.subList(half, states.size());
      String y = add(name, stack, x.name(), its, List.of(cells.get(d)));
      sequences.add(y);
      for (int s = 0; s < stack.cell().states(); s++) {
        vectors.add(draft.add(name, new StateVectors(s), y + "." + Recurrent.FINAL_STATE));
      }
    }
    return new Both(sequences, vectors);
  }

  /** The outputs of both directions, merged as the layer says; two if it does not merge them. */
  private List<String> merged(String name, JsonObject config, List<String> given)
      throws MalformedFileException {
    boolean joined = given.size() == 1;
    String mode =
        config.node().path("merge_mode").isNull()
            ? ""
            : config.has("merge_mode") ? config.text("merge_mode") : "concat";
    return switch (mode) {
      case "concat" ->
          joined ? given : List.of(draft.add(name, new Concatenation(), given, List.of()));
      case "sum", "ave" -> {
        MergeDirections.How how =
            mode.equals("sum") ? MergeDirections.How.SUM : MergeDirections.How.MEAN;
        if (!joined && width(given.get(0)) != width(given.get(1))) {
          throw new IllegalArgumentException("merges directions of different units");
        }
        String both =
            joined ? given.get(0) : draft.add(name, new Concatenation(), given, List.of());
        yield List.of(draft.add(name, new MergeDirections(how), both));
      }
      case "mul" -> List.of(draft.add(name, new Product(), split(name, given), List.of()));
      case "" -> split(name, given);
      default -> throw config.refused("merge_mode", "concat, sum, ave, mul or null");
    };
  }

  private int width(String value) {
    return draft.shape(value).width();
  }

  private List<String> split(String name, List<String> given) {
    if (given.size() == 2) {
      return given;
    }
    int h = width(given.get(0)) / 2;
    return List.of(
        draft.add(name, Columns.range(2 * h, 0, h), given.get(0)),
        draft.add(name, Columns.range(2 * h, h, h), given.get(0)));
  }
}
