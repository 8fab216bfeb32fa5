package dev.sequor.contract;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** One ONNX recurrent node with inputs and expected outputs, wherever they were read from. */
final class OnnxNodeCase {
  /** Upstream values that are internal to their implementation. */
  static final Set<String> INTERNAL = Set.of("CAll", "iofc", "zrh");

  /** The attributes that this class looks at, or that mean nothing without others. */
  static final Set<String> ATTRIBUTES =
      Set.of(
          "direction",
          "hidden_size",
          "activations",
          "activation_alpha",
          "activation_beta",
          "clip",
          "cell_clip", // TensorFlow Lite's, of c
          "proj_clip", // TensorFlow Lite's, of the projection's result
          "linear_before_reset",
          "layout",
          "input_forget",
          "coupled_input_forget",
          "proj_size",
          "num_layers");

  private static final Set<String> INPUTS =
      Set.of("X", "W", "R", "B", "P", "sequence_lens", "initial_h", "initial_c", "projection");

  private static final Set<String> DIRECTIONS = Set.of("forward", "reverse", "bidirectional");

  /** TFLite's two outputs, as the files name their errors. */
  private static final Map<String, String> SLACK_NAMES =
      Map.of("Y_forward", "Y[:,0]", "Y_backward", "Y[:,1]", "Y_sum_of_directions", "sum");

  /** Nowhere is it said where the weights of each would be. */
  static final String SEVERAL_LAYERS = "several layers in one node";

  /** Or more or fewer than there are gates, filled up by rules of one project. */
  static final String UNKNOWN_ACTIVATIONS = "activations that ONNX does not name";

  /** With {@code i = 1 − f} of a function that is not {@code 1 − f(−a)}. */
  static final String COUPLED_OTHERWISE = "an input gate coupled to one that is no sigmoid";

  static final String CLIPPED_PROJECTION = "clipping of a projection";

  private final String id;
  private final String kind;
  private final String op;
  private final Attributes attributes;
  private final Map<String, CaseTensor> inputs;
  private final Map<String, CaseTensor> expected;
  private final Map<String, Double> slack;

  /** The gradients of the loss by the outputs, by the outputs' names. */
  private final Map<String, CaseTensor> gradients;

  /** A node's attributes, by their ONNX names. */
  interface Attributes {
    String text(String name, String otherwise);

    double number(String name, double otherwise);

    List<String> texts(String name);

    List<Double> numbers(String name);
  }

  OnnxNodeCase(
      String id,
      String kind,
      String op,
      Attributes attributes,
      Map<String, CaseTensor> inputs,
      Map<String, CaseTensor> expected,
      Map<String, Double> slack,
      Map<String, CaseTensor> gradients) {
    this.id = id;
    this.kind = kind;
    this.op = op.toLowerCase(Locale.ROOT);
    this.attributes = attributes;
    this.inputs = inputs;
    this.expected = expected;
    this.slack = slack;
    this.gradients = gradients;
  }

  String id() {
    return id;
  }

  /** Forward, gradient or reject, perhaps after the cell. */
  String kind() {
    return kind;
  }

  /** Lower case. */
  String operator() {
    return op;
  }

  Attributes attributes() {
    return attributes;
  }

  Map<String, CaseTensor> inputs() {
    return inputs;
  }

  Map<String, CaseTensor> expected() {
    return expected;
  }

  /** By how much numbers of this name may be off, whoever computes them. */
  double slack(String name) {
    return slack.getOrDefault(SLACK_NAMES.getOrDefault(name, name), 0.0);
  }

  ConformanceCase toCase() {
    String reason = unsupported();
    return reason != null
        ? ConformanceCase.unsupported(id, kind, reason)
        : ConformanceCase.of(id, kind, this::check);
  }

  /** Why the library has no such layer; null if it has. */
  @Nullable String unsupported() {
    for (String name : inputs.keySet()) {
      require(INPUTS, "input", name);
    }
    for (String name : gradients.keySet()) {
      require(Set.of("Y", "HAll", "Y_h", "final_h", "Y_c", "final_c"), "gradient by", name);
    }
    require(DIRECTIONS, "direction", direction());
    if (attributes.number("num_layers", 1) != 1) {
      return SEVERAL_LAYERS;
    }
    if (attributes.number("proj_clip", 0) > 0) {
      return CLIPPED_PROJECTION;
    }
    List<List<GateFunction>> functions = functions();
    if (functions == null) {
      return UNKNOWN_ACTIVATIONS;
    }
    if (coupling() == Coupling.INPUT) {
      for (List<GateFunction> each : functions) {
        if (!each.get(0).equals(GateFunction.SIGMOID)) {
          return COUPLED_OTHERWISE;
        }
      }
    }
    return null;
  }

  /** How gates are coupled. */
  private enum Coupling {
    NONE,
    /** {@code f = 1 − i}. */
    FORGET,
    /** {@code i = 1 − f}. */
    INPUT
  }

  private Coupling coupling() {
    for (String name : List.of("input_forget", "coupled_input_forget")) {
      if (attributes.number(name, 0) != 0) {
        String equation = attributes.text(name, "").replace(" ", "").toLowerCase(Locale.ROOT);
        boolean onnx = name.equals("input_forget") || equation.startsWith("f=");
        return onnx && !equation.startsWith("i=") ? Coupling.FORGET : Coupling.INPUT;
      }
    }
    return Coupling.NONE;
  }

  private int directionCount() {
    return direction().equals("bidirectional") ? 2 : 1;
  }

  /** The cell with functions of its own. */
  private CellType usualCell() {
    return switch (op) {
      case "rnn" -> CellType.RNN_TANH;
      case "gru" ->
          attributes.number("linear_before_reset", 0) != 0
              ? CellType.GRU_RESET_AFTER
              : CellType.GRU_RESET_BEFORE;
      case "lstm" -> inputs.containsKey("P") ? CellType.LSTM_PEEPHOLE : CellType.LSTM;
      default -> throw new IllegalArgumentException(id + ": unknown operator " + op);
    };
  }

  /** Of each direction, or null; see {@link OnnxActivations}. */
  private @Nullable List<List<GateFunction>> functions() {
    return OnnxActivations.of(
        usualCell().functions(),
        directionCount(),
        attributes.texts("activations"),
        attributes.numbers("activation_alpha"),
        attributes.numbers("activation_beta"));
  }

  private RnnSpec stack(Direction direction, List<GateFunction> functions) {
    boolean relu = functions.equals(CellType.RNN_RELU.functions());
    CellType cell = op.equals("rnn") && relu ? CellType.RNN_RELU : usualCell();
    boolean own = functions.equals(cell.functions());
    int projection = (int) attributes.number("proj_size", 0);
    // States stay within 1 then, and a clip beyond what can be does nothing.
    boolean bounded = own && projection == 0 && cell != CellType.RNN_RELU;
    double clip = attributes.number("clip", 0);
    CellOptions.Builder options =
        CellOptions.builder()
            .projectionSize(projection)
            .coupledGates(coupling() != Coupling.NONE)
            .gateClip(bounded && largestPreactivation() < clip ? 0 : (float) clip)
            .cellClip((float) attributes.number("cell_clip", 0));
    if (!own) {
      options.activations(functions.toArray(GateFunction[]::new));
    }
    CaseTensor w = require("W");
    int rows = cell.gates() * hiddenSize();
    if (w.dims[1] != rows) {
      throw new IllegalArgumentException(
          id + ": W has " + w.dims[1] + " rows a direction; needed " + rows);
    }
    return RnnSpec.of(cell, w.dims[2], hiddenSize())
        .withDirection(direction)
        .withOptions(options.build());
  }

  private int hiddenSize() {
    int rows = require("R").dims[1] / usualCell().gates();
    return (int) attributes.number("hidden_size", rows);
  }

  /** Some directions of the node as one stack of ours. */
  private record Part(OnnxStack stack, int first) {}

  /** All directions at once, or each by itself if their functions differ. */
  private List<Part> parts(int steps, int batch) {
    List<List<GateFunction>> functions = Objects.requireNonNull(functions());
    boolean forgets = coupling() == Coupling.INPUT;
    List<Part> parts = new ArrayList<>();
    if (Set.copyOf(functions).size() == 1) {
      Direction direction = Direction.valueOf(direction().toUpperCase(Locale.ROOT));
      RnnSpec all = stack(direction, functions.get(0));
      parts.add(new Part(new OnnxStack(all.shape(steps, batch), forgets), 0));
    } else {
      for (int d = 0; d < functions.size(); d++) {
        RnnSpec one = stack(d == 0 ? Direction.FORWARD : Direction.REVERSE, functions.get(d));
        parts.add(new Part(new OnnxStack(one.shape(steps, batch), forgets), d));
      }
    }
    return parts;
  }

  private void require(Set<String> known, String what, String name) {
    if (!known.contains(name)) {
      throw new IllegalArgumentException(
          id + " has the " + what + " '" + name + "'; known are " + new TreeSet<>(known));
    }
  }

  private String direction() {
    return attributes.text("direction", "forward").toLowerCase(Locale.ROOT);
  }

  /** A bound; a clip beyond it does nothing. */
  private double largestPreactivation() {
    CaseTensor w = require("W");
    CaseTensor r = require("R");
    double h = Math.max(1, largest("initial_h"));
    double c = largest("initial_c") + require("X").dims[0];
    double biases = 2 * largest("B") + c * largest("P");
    return w.dims[2] * largest("W") * largest("X") + r.dims[2] * largest("R") * h + biases;
  }

  private double largest(String name) {
    double largest = 0;
    if (inputs.containsKey(name)) {
      for (double v : require(name).data) {
        largest = Math.max(largest, Math.abs(v));
      }
    }
    return largest;
  }

  private CaseTensor require(String name) {
    CaseTensor tensor = inputs.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(id + " has no input " + name);
    }
    return tensor;
  }

  private double @Nullable [] optional(String name) {
    return inputs.containsKey(name) ? require(name).data : null;
  }

  private void check(Solver solver) {
    boolean batchFirst = attributes.number("layout", 0) != 0;
    if (!gradients.isEmpty() && batchFirst) {
      throw new AssertionError(id + " gives gradients batch first, which is not understood");
    }
    CaseTensor x = batchFirst ? swapFirstAxes(require("X")) : require("X");
    int[] lengths = inputs.containsKey("sequence_lens") ? require("sequence_lens").toInts() : null;
    double @Nullable [] h0 = stateInput("initial_h", batchFirst);
    double @Nullable [] c0 = stateInput("initial_c", batchFirst);
    List<Solved> solved = new ArrayList<>();
    for (Part part : parts(x.dims[0], x.dims[1])) {
      OnnxStack stack = part.stack();
      double @Nullable [] dy = of(part, gradient("Y", "HAll"), x.dims[0]);
      RnnProblem problem =
          stack.problem(
              stack.parameters(
                  (tensor, layer, d) -> {
                    double[] all = optional(tensor);
                    return all == null ? null : slice(all, 1, part.first() + d, 1);
                  }),
              x.data,
              lengths,
              stack.state(of(part, h0, 1), of(part, c0, 1)),
              dy == null ? null : stack.outputGradient(dy),
              stack.state(
                  of(part, gradient("Y_h", "final_h"), 1),
                  of(part, gradient("Y_c", "final_c"), 1)));
      solved.add(new Solved(stack, solver.solve(problem)));
    }
    int compared = 0;
    for (Map.Entry<String, CaseTensor> e : expected.entrySet()) {
      String name = e.getKey();
      if (INTERNAL.contains(name)) {
        continue;
      }
      CaseTensor tensor = e.getValue();
      if (batchFirst) {
        tensor = name.equals("Y") ? batchLast(tensor) : swapFirstAxes(tensor);
      }
      tensor.check(
          name,
          actual(name, solved, tensor.data.length),
          slack(name),
          solver.bar() + CaseTensor.PRINTED);
      compared++;
    }
    if (compared == 0) {
      throw new AssertionError(id + " compared nothing");
    }
  }

  private double @Nullable [] gradient(String name, String otherName) {
    CaseTensor given = gradients.getOrDefault(name, gradients.get(otherName));
    return given == null ? null : given.data;
  }

  private double @Nullable [] stateInput(String name, boolean batchFirst) {
    return inputs.containsKey(name) && batchFirst
        ? swapFirstAxes(require(name)).data
        : optional(name);
  }

  /** Of {@code [outer,D,…]}, the directions of a part. */
  private double @Nullable [] of(Part part, double @Nullable [] all, int outer) {
    return all == null ? null : slice(all, outer, part.first(), part.stack().directions);
  }

  private double[] slice(double[] all, int outer, int first, int count) {
    int inner = all.length / outer / directionCount();
    double[] result = new double[outer * count * inner];
    for (int i = 0; i < outer; i++) {
      int from = (i * directionCount() + first) * inner;
      System.arraycopy(all, from, result, i * count * inner, count * inner);
    }
    return result;
  }

  /** What a solver makes of a part, in ONNX's terms. */
  private record Solved(OnnxStack stack, Solver.Solution solution) {
    /** {@code [T,d,N,H]}. */
    double[] y() {
      return stack.outputs(solution.y());
    }

    /** The gradient by W, R, B or P, {@code [d,…]}. */
    double[] parameter(String tensor, int elements) {
      double[] all = new double[stack.directions * elements];
      for (int d = 0; d < stack.directions; d++) {
        double[] one = stack.parameter(solution.dParameters(), tensor, 0, d, elements);
        System.arraycopy(one, 0, all, d * elements, elements);
      }
      return all;
    }
  }

  private double[] actual(String name, List<Solved> solved, int elements) {
    int steps = solved.get(0).stack.shape.timeSteps();
    return switch (name) {
      case "Y", "HAll" -> joined(steps, solved, Solved::y);
      case "Y_h", "final_h" -> joined(1, solved, s -> s.stack.stateOf(s.solution.finalState(), 0));
      case "Y_c", "final_c" -> joined(1, solved, s -> s.stack.stateOf(s.solution.finalState(), 1));
      case "Y_forward" -> slice(joined(steps, solved, Solved::y), steps, 0, 1);
      case "Y_backward" -> slice(joined(steps, solved, Solved::y), steps, 1, 1);
      case "Y_sum_of_directions" ->
          sum(
              slice(joined(steps, solved, Solved::y), steps, 0, 1),
              slice(joined(steps, solved, Solved::y), steps, 1, 1));
      case "dX" ->
          solved.stream().map(s -> s.solution.dx()).reduce(OnnxNodeCase::sum).orElseThrow();
      case "dH0" -> joined(1, solved, s -> s.stack.stateOf(s.solution.dInitialState(), 0));
      case "dC0" -> joined(1, solved, s -> s.stack.stateOf(s.solution.dInitialState(), 1));
      case "dW", "dR", "dB", "dP", "dprojection" -> {
        int each = elements / directionCount();
        yield joined(1, solved, s -> s.parameter(name.substring(1), each));
      }
      default -> throw new IllegalArgumentException("unknown expected tensor " + name);
    };
  }

  /** {@code [outer,D,…]} of all directions, of those of each part. */
  private static double[] joined(
      int outer, List<Solved> solved, Function<Solved, double[]> values) {
    List<double[]> parts = solved.stream().map(values).toList();
    double[] result = new double[parts.stream().mapToInt(p -> p.length).sum()];
    int at = 0;
    for (int i = 0; i < outer; i++) {
      for (double[] part : parts) {
        int inner = part.length / outer;
        System.arraycopy(part, i * inner, result, at, inner);
        at += inner;
      }
    }
    return result;
  }

  private static double[] sum(double[] a, double[] b) {
    double[] result = a.clone();
    for (int i = 0; i < result.length; i++) {
      result[i] += b[i];
    }
    return result;
  }

  /** {@code [a,b,…]} to {@code [b,a,…]}. */
  private static CaseTensor swapFirstAxes(CaseTensor t) {
    int a = t.dims[0];
    int b = t.dims[1];
    int inner = t.data.length / (a * b);
    int[] dims = t.dims.clone();
    dims[0] = b;
    dims[1] = a;
    double[] data = new double[t.data.length];
    for (int i = 0; i < a; i++) {
      for (int j = 0; j < b; j++) {
        System.arraycopy(t.data, (i * b + j) * inner, data, (j * a + i) * inner, inner);
      }
    }
    return new CaseTensor(dims, data);
  }

  /** {@code Y [N,T,D,H]} to {@code [T,D,N,H]}. */
  private static CaseTensor batchLast(CaseTensor y) {
    int batch = y.dims[0];
    int rows = y.dims[1] * y.dims[2];
    int[] flattened = {batch, rows, y.dims[3]};
    CaseTensor swapped = swapFirstAxes(new CaseTensor(flattened, y.data));
    return new CaseTensor(new int[] {y.dims[1], y.dims[2], batch, y.dims[3]}, swapped.data);
  }
}
