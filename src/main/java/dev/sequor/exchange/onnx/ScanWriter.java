package dev.sequor.exchange.onnx;

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
 * One direction of one layer of a cell that ONNX does not have: a Scan whose body is the cell's
 * step, as {@link CellOptions} has it. What only depends on the input is computed for all steps
 * before it.
 */
final class ScanWriter {
  /**
   * What has been written.
   *
   * @param sequence {@code [T,B,P]}, zeros past the ends
   * @param states of each vector {@code [1,B,H]}, once it is asked for
   */
  record Made(String sequence, List<Supplier<String>> states) {}

  private final Writing to;
  private final RnnSpec one;
  private final CellOptions options;
  private final int direction;
  private final String axis;
  private final String name;
  private final Map<Kind, NamedTensor> tensors = new EnumMap<>(Kind.class);
  private final int hidden;
  private final boolean lstm;

  /** Where nodes go now: the graph, or the body. */
  private GraphDraft graph;

  ScanWriter(
      Writing to, RnnSpec one, int direction, String axis, String name, List<NamedTensor> given) {
    this.to = to;
    this.one = one;
    this.options = one.options();
    this.direction = direction;
    this.axis = axis;
    this.name = name;
    this.hidden = one.hiddenSize();
    this.lstm = one.cell().states() == 2;
    this.graph = to.graph;
    for (NamedTensor tensor : given) {
      String kind = tensor.name().substring(tensor.name().lastIndexOf('.') + 1);
      tensors.put(Kind.valueOf(kind.toUpperCase(Locale.ROOT)), tensor);
    }
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
    return graph.weights(
        tensor.name() + "." + first + "." + count,
        List.of(count),
        () -> java.util.Arrays.copyOfRange(tensor.values(), first, first + count));
  }

  /** Some rows of a matrix, turned: {@code [K,count]}. */
  private String turned(Kind kind, int first, int count) {
    NamedTensor tensor = tensor(kind);
    int width = tensor.shape().get(1);
    return graph.weights(
        tensor.name() + "." + first + "." + count,
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

  // ---- the scan ---------------------------------------------------------------------------------

  private int width(int vector) {
    return vector == 0 ? one.stateSize() : hidden;
  }

  /**
   * Adds it.
   *
   * @param x {@code [T,B,I]}
   * @param first of each vector {@code [1,B,H]}, or empty for zeros
   */
  Made write(String x, List<String> first) {
    List<String> from = new ArrayList<>();
    for (int s = 0; s < first.size(); s++) {
      from.add(start(first.get(s), width(s)));
    }
    for (int[] group : groups()) {
      from.add(product(x, false, group[0], group[1]));
    }
    @Nullable String there = to.lengths(axis) == null ? null : to.mask(axis);
    if (there != null) {
      from.add(there);
    }
    GraphDraft body = graph.body();
    graph = body;
    int states = first.size();
    List<String> given = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      given.add(body.bodyInput(name + "." + StateTensors.letter(s) + ".before", DataType.FLOAT));
    }
    List<String> wx = new ArrayList<>();
    for (int i = 0; i < groups().size(); i++) {
      wx.add(body.bodyInput(name + ".wx", DataType.FLOAT));
    }
    @Nullable String now = there == null ? null : body.bodyInput(name + ".now", DataType.BOOL);
    List<String> next = step(wx, given);
    String y = next.get(0);
    for (int s = 0; s < states; s++) {
      String kept = now == null ? next.get(s) : op("Where", now, next.get(s), given.get(s));
      body.bodyOutput(name + "." + StateTensors.letter(s) + ".after", kept);
    }
    body.bodyOutput(name + ".y", now == null ? y : op("Where", now, y, body.number(0)));
    graph = to.graph;
    int scans = from.size() - states;
    int backward = one.direction().isReverse(direction) ? 1 : 0;
    List<String> wanted = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      wanted.add(name + "." + StateTensors.letter(s));
    }
    wanted.add(name);
    List<String> made =
        graph.addAll(
            "Scan",
            wanted,
            from,
            GraphDraft.graph("body", body.build(name + ".step")),
            GraphDraft.attribute("num_scan_inputs", (long) scans),
            GraphDraft.integers(
                "scan_input_directions", java.util.Collections.nCopies(scans, backward)),
            GraphDraft.integers("scan_output_directions", List.of(backward)));
    List<Supplier<String>> ends = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      String end = made.get(s);
      int missing = hidden - width(s);
      ends.add(() -> to.unsqueeze(padded(end, missing), 0, name + ".end"));
    }
    return new Made(made.get(states), ends);
  }

  /** {@code [B,width]} to begin with. */
  private String start(String given, int width) {
    if (given.isEmpty()) {
      return graph.add(
          "Expand",
          name + ".zeros",
          List.of(graph.number(0), to.sizes(List.of(to.batch(), Dim.of(width)))));
    }
    String vector = to.squeeze(given, 0, name + ".start");
    return width == hidden ? vector : columns(vector, 0, width);
  }

  /** Zeros to the right. */
  private String padded(String x, int count) {
    return count == 0
        ? x
        : graph.add(
            "Pad", name + ".padded", List.of(x, graph.integers(0, 0, 0, count), graph.number(0)));
  }
}
