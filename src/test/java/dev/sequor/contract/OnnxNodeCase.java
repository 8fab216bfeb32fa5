package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
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
          "activation_alpha", // of activations that no cell has
          "activation_beta",
          "clip",
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
      Map.of("Y_forward", "Y[:,0]", "Y_backward", "Y[:,1]");

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

  ConformanceCase toCase() {
    String reason = unsupported();
    return reason != null
        ? ConformanceCase.unsupported(id, kind, reason)
        : ConformanceCase.of(id, kind, this::check);
  }

  private @Nullable String unsupported() {
    for (String name : inputs.keySet()) {
      require(INPUTS, "input", name);
    }
    for (String name : gradients.keySet()) {
      require(Set.of("Y", "HAll", "Y_h", "final_h", "Y_c", "final_c"), "gradient by", name);
    }
    require(DIRECTIONS, "direction", direction());
    if (attributes.number("num_layers", 1) != 1) {
      return "several layers in one node";
    }
    if (attributes.number("proj_size", 0) > 0) {
      return "projection";
    }
    if (attributes.number("input_forget", 0) != 0
        || attributes.number("coupled_input_forget", 0) != 0) {
      return "coupled input and forget gates";
    }
    if (cell() == null) {
      return "activations";
    }
    if (largestPreactivation() >= attributes.number("clip", Double.POSITIVE_INFINITY)) {
      return "clip";
    }
    return null;
  }

  /** The cell, or null if the activations are not its own. */
  private @Nullable CellType cell() {
    // In their order for one direction, or for each of two.
    List<String> given = attributes.texts("activations");
    String names = String.join(" ", given).toLowerCase(Locale.ROOT);
    return switch (op) {
      case "rnn" ->
          isRepeated(names, "tanh")
              ? CellType.RNN_TANH
              : isRepeated(names, "relu") && !given.isEmpty() ? CellType.RNN_RELU : null;
      case "gru" ->
          !isRepeated(names, "sigmoid tanh")
              ? null
              : attributes.number("linear_before_reset", 0) != 0
                  ? CellType.GRU_RESET_AFTER
                  : CellType.GRU;
      case "lstm" ->
          !isRepeated(names, "sigmoid tanh tanh")
              ? null
              : inputs.containsKey("P") ? CellType.LSTM_PEEPHOLE : CellType.LSTM;
      default -> throw new IllegalArgumentException(id + ": unknown operator " + op);
    };
  }

  private static boolean isRepeated(String names, String once) {
    return names.isEmpty() || names.equals(once) || names.equals(once + " " + once);
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
    CaseTensor x = batchFirst ? swapFirstAxes(require("X")) : require("X");
    OnnxStack stack =
        new OnnxStack(
            Objects.requireNonNull(cell()),
            1,
            direction(),
            x.dims[0],
            x.dims[1],
            x.dims[2],
            require("R").dims[2]);
    OnnxStack.Weights weights =
        (tensor, layer, direction) -> {
          double[] all = optional(String.valueOf(tensor));
          int each = all == null ? 0 : all.length / stack.directions;
          return all == null
              ? null
              : Arrays.copyOfRange(all, direction * each, (direction + 1) * each);
        };
    double @Nullable [] dy = gradient("Y", "HAll");
    double @Nullable [] dFinal =
        stack.state(gradient("Y_h", "final_h"), gradient("Y_c", "final_c"));
    if (!gradients.isEmpty() && batchFirst) {
      throw new AssertionError(id + " gives gradients batch first, which is not understood");
    }
    RnnProblem problem =
        new RnnProblem(
            stack.shape,
            stack.parameters(weights),
            x.data,
            inputs.containsKey("sequence_lens") ? require("sequence_lens").toInts() : null,
            stack.state(stateInput("initial_h", batchFirst), stateInput("initial_c", batchFirst)),
            dy == null ? new double[(int) stack.shape.outputElements()] : stack.outputGradient(dy),
            dFinal == null ? new double[(int) stack.shape.stateElements()] : dFinal,
            0,
            0,
            true);
    Solver.Solution solution = solver.solve(problem);
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
          actual(name, stack, solution, tensor.data.length),
          slack.getOrDefault(SLACK_NAMES.getOrDefault(name, name), 0.0),
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

  private static double[] actual(String name, OnnxStack stack, Solver.Solution s, int elements) {
    return switch (name) {
      case "Y", "HAll" -> stack.outputs(s.y());
      case "Y_h", "final_h" -> stack.stateOf(s.finalState(), 0);
      case "Y_c", "final_c" -> stack.stateOf(s.finalState(), 1);
      case "Y_forward" -> direction(stack, s, 0);
      case "Y_backward" -> direction(stack, s, 1);
      case "dX" -> s.dx();
      case "dH0" -> stack.stateOf(s.dInitialState(), 0);
      case "dC0" -> stack.stateOf(s.dInitialState(), 1);
      case "dW", "dR", "dB", "dP" -> {
        double[] all = new double[elements];
        int each = elements / stack.directions;
        for (int d = 0; d < stack.directions; d++) {
          double[] one = stack.parameter(s.dParameters(), name.charAt(1), 0, d, each);
          System.arraycopy(one, 0, all, d * each, each);
        }
        yield all;
      }
      default -> throw new IllegalArgumentException("unknown expected tensor " + name);
    };
  }

  /** {@code [T,N,H]} of one direction. */
  private static double[] direction(OnnxStack stack, Solver.Solution s, int direction) {
    double[] both = stack.outputs(s.y());
    int n = stack.shape.batchSize() * stack.shape.hiddenSize();
    double[] one = new double[stack.shape.timeSteps() * n];
    for (int t = 0; t < stack.shape.timeSteps(); t++) {
      System.arraycopy(both, (t * stack.directions + direction) * n, one, t * n, n);
    }
    return one;
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
