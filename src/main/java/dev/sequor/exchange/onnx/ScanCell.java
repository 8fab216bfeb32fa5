package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A cell that ONNX does not have, as nodes: its step as {@link CellOptions} has it, and what only
 * depends on its input. Files are written with it, and what is read is compared with it.
 */
final class ScanCell {
  /**
   * Some rows of a tensor in the file, of a matrix as columns.
   *
   * @param kind which tensor
   * @param first the first row
   * @param count how many
   * @param weights what the numbers are called
   */
  record Part(Kind kind, int first, int count, String weights) {}

  private final RnnSpec one;
  private final CellOptions options;
  private final String name;
  private final Map<Kind, NamedTensor> tensors = new EnumMap<>(Kind.class);
  private final List<Part> parts = new ArrayList<>();
  private final int hidden;
  private final boolean lstm;

  /** Where nodes go now. */
  private GraphDraft graph;

  /**
   * One direction of one layer.
   *
   * @param graph the graph that the cell is in
   * @param name what its nodes are called
   * @param given its tensors
   */
  ScanCell(GraphDraft graph, RnnSpec one, String name, List<NamedTensor> given) {
    this.graph = graph;
    this.one = one;
    this.options = one.options();
    this.name = name;
    this.hidden = one.hiddenSize();
    this.lstm = one.cell().states() == 2;
    for (NamedTensor tensor : given) {
      String kind = tensor.name().substring(tensor.name().lastIndexOf('.') + 1);
      tensors.put(Kind.valueOf(kind.toUpperCase(Locale.ROOT)), tensor);
    }
  }

  /** What of the tensors has been put into the file so far. */
  List<Part> parts() {
    return parts;
  }

  // ---- small things -----------------------------------------------------------------------------

  private String op(String operator, String... from) {
    return graph.add(operator, name + "." + operator.toLowerCase(Locale.ROOT), List.of(from));
  }

  private String columns(String x, int first, int count) {
    return graph.add(
        "Slice",
        name + ".columns",
        List.of(
            x, graph.integers(first), graph.integers((long) first + count), graph.integers(-1)));
  }

  private NamedTensor tensor(Kind kind) {
    return Objects.requireNonNull(tensors.get(kind));
  }

  /** Some of a vector. */
  private String part(Kind kind, int first, int count) {
    NamedTensor tensor = tensor(kind);
    return part(
        kind,
        first,
        count,
        List.of(count),
        () -> java.util.Arrays.copyOfRange(tensor.values(), first, first + count));
  }

  private String part(
      Kind kind, int first, int count, List<Integer> sizes, Supplier<float[]> values) {
    String weights = graph.weights(tensor(kind).name() + "." + first + "." + count, sizes, values);
    parts.add(new Part(kind, first, count, weights));
    return weights;
  }

  /** Some rows of a matrix, turned: {@code [K,count]}. */
  private String turned(Kind kind, int first, int count) {
    NamedTensor tensor = tensor(kind);
    int width = tensor.shape().get(1);
    return part(
        kind,
        first,
        count,
        List.of(width, count),
        () -> {
          float[] rows =
              java.util.Arrays.copyOfRange(tensor.values(), first * width, (first + count) * width);
          return GateRows.transposed(rows, count);
        });
  }

  /** A product with some gates' rows, and its bias or norm. */
  private String product(String x, boolean recurrent, int firstGate, int gates) {
    int first = firstGate * hidden;
    int count = gates * hidden;
    Kind matrix = recurrent ? Kind.RECURRENT_WEIGHTS : Kind.INPUT_WEIGHTS;
    Kind bias = recurrent ? Kind.RECURRENT_BIAS : Kind.INPUT_BIAS;
    String y = op("MatMul", x, turned(matrix, first, count));
    if (!options.layerNorm()) {
      return op("Add", y, part(bias, first, count));
    }
    Kind gain = recurrent ? Kind.RECURRENT_GAIN : Kind.INPUT_GAIN;
    return norm(y, part(gain, first, count), part(bias, first, count));
  }

  private String norm(String x, String gain, String bias) {
    return RowWriters.normalized(graph, x, CellOptions.NORM_EPSILON, gain, bias, name + ".norm");
  }

  private String clipped(String x, float limit) {
    return limit > 0 ? op("Clip", x, graph.number(-limit), graph.number(limit)) : x;
  }

  private String gate(int which, String x) {
    return applied(one.functions().get(which), clipped(x, options.gateClip()));
  }

  private String applied(GateFunction function, String x) {
    GraphDraft g = graph;
    String wanted = name + ".gate";
    List<String> from = List.of(x);
    return switch (function.kind()) {
      case SIGMOID, TANH, RELU, SOFTSIGN, SOFTPLUS ->
          g.add(Activations.name(function.kind()), wanted, from);
      case ELU, LEAKY_RELU, THRESHOLDED_RELU ->
          g.add(
              Activations.name(function.kind()),
              wanted,
              from,
              GraphDraft.attribute("alpha", function.alpha()));
      case HARD_SIGMOID ->
          g.add(
              "HardSigmoid",
              wanted,
              from,
              GraphDraft.attribute("alpha", function.alpha()),
              GraphDraft.attribute("beta", function.beta()));
      case AFFINE -> op("Add", op("Mul", x, g.number(function.alpha())), g.number(function.beta()));
      case SCALED_TANH ->
          op(
              "Mul",
              op("Tanh", op("Mul", x, g.number(function.beta()))),
              g.number(function.alpha()));
    };
  }

  // ---- the cell ---------------------------------------------------------------------------------

  /** The numbers of gate vectors that are multiplied, and normalised, together. */
  private List<int[]> groups() {
    int gates = one.gates();
    return gates == 3 && !lstm
        ? List.of(new int[] {0, 2}, new int[] {2, 1})
        : List.of(new int[] {0, gates});
  }

  private String gateColumns(String a, int gate) {
    return columns(a, gate * hidden, hidden);
  }

  /** The width of a vector of the state. */
  int width(int vector) {
    return vector == 0 ? one.stateSize() : hidden;
  }

  /** What only depends on the input {@code x [T,B,I]}, for all steps. */
  List<String> inputProducts(String x) {
    return groups().stream().map(group -> product(x, false, group[0], group[1])).toList();
  }

  /**
   * The body of the Scan: of the state before and what the input gives, and perhaps whether there
   * is a step now, the state after and the output.
   */
  GraphProto body(boolean masked) {
    GraphDraft outer = graph;
    graph = outer.body();
    int states = one.cell().states();
    List<String> given = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      given.add(graph.bodyInput(name + "." + StateTensors.letter(s) + ".before", DataType.FLOAT));
    }
    List<String> wx = new ArrayList<>();
    for (int i = 0; i < groups().size(); i++) {
      wx.add(graph.bodyInput(name + ".wx", DataType.FLOAT));
    }
    @Nullable String now = masked ? graph.bodyInput(name + ".now", DataType.BOOL) : null;
    List<String> next = step(wx, given);
    String y = next.get(0);
    for (int s = 0; s < states; s++) {
      String kept = now == null ? next.get(s) : op("Where", now, next.get(s), given.get(s));
      graph.bodyOutput(name + "." + StateTensors.letter(s) + ".after", kept);
    }
    graph.bodyOutput(name + ".y", now == null ? y : op("Where", now, y, graph.number(0)));
    GraphProto body = graph.build(name + ".step");
    graph = outer;
    return body;
  }

  /** {@code h'} and perhaps {@code c'}, each with what zoneout does. */
  private List<String> step(List<String> wx, List<String> states) {
    String h = states.get(0);
    if (lstm) {
      return lstmStep(wx.get(0), h, states.get(1));
    }
    String next =
        wx.size() == 2 ? gruStep(wx, h) : gate(0, op("Add", wx.get(0), product(h, true, 0, 1)));
    return List.of(mixed(options.hiddenZoneout(), h, next));
  }

  private String mixed(float part, String old, String next) {
    return part == 0
        ? next
        : op("Add", op("Mul", old, graph.number(part)), op("Mul", next, graph.number(1 - part)));
  }

  private String gruStep(List<String> wx, String h) {
    String a = op("Add", wx.get(0), product(h, true, 0, 2));
    String r = gate(0, gateColumns(a, 0));
    String z = gate(0, gateColumns(a, 1));
    String fromState =
        one.cell() == CellType.GRU_RESET_BEFORE
            ? product(op("Mul", r, h), true, 2, 1)
            : op("Mul", r, product(h, true, 2, 1));
    String n = gate(1, op("Add", wx.get(1), fromState));
    return op("Add", op("Mul", op("Sub", graph.number(1), z), n), op("Mul", z, h));
  }

  private List<String> lstmStep(String wx, String h, String c) {
    boolean coupled = options.coupledGates();
    int last = coupled ? 2 : 3;
    String operand = one.cell() == CellType.LSTM_CELL_RECURRENT ? c : h;
    String a = op("Add", wx, product(operand, true, 0, one.gates()));
    boolean peepholes = one.peepholes() > 0;
    String aI = gateColumns(a, 0);
    if (peepholes) {
      aI = op("Add", aI, op("Mul", part(Kind.PEEPHOLES, 0, hidden), c));
    }
    String i = gate(0, aI);
    String f;
    if (coupled) {
      f = op("Sub", graph.number(1), i);
    } else {
      String aF = gateColumns(a, 1);
      if (peepholes) {
        aF = op("Add", aF, op("Mul", part(Kind.PEEPHOLES, hidden, hidden), c));
      }
      f = gate(0, aF);
    }
    String g = gate(1, gateColumns(a, last - 1));
    String next = clipped(op("Add", op("Mul", f, c), op("Mul", i, g)), options.cellClip());
    String aO = gateColumns(a, last);
    if (peepholes) {
      String p = part(Kind.PEEPHOLES, (one.peepholes() - 1) * hidden, hidden);
      aO = op("Add", aO, op("Mul", p, next));
    }
    String shown =
        options.layerNorm()
            ? norm(next, part(Kind.CELL_GAIN, 0, hidden), part(Kind.CELL_BIAS, 0, hidden))
            : next;
    String made = op("Mul", gate(0, aO), applied(one.functions().get(2), shown));
    if (options.projectionSize() > 0) {
      made = op("MatMul", made, turned(Kind.PROJECTION, 0, options.projectionSize()));
    }
    return List.of(mixed(options.hiddenZoneout(), h, made), mixed(options.cellZoneout(), c, next));
  }
}
