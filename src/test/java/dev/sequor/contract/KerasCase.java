package dev.sequor.contract;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A Keras layer: batch first, masks, {@code go_backwards}, carried state and merged directions are
 * put on and taken off outside of the recurrent stack.
 *
 * <p>A masked step keeps the state, so the steps that count are moved to the front of their row,
 * and the outputs moved back.
 */
final class KerasCase {
  private static final Set<String> SETTINGS =
      Set.of(
          "layer",
          "units",
          "return_sequences",
          "return_state", // or else the states are not asserted
          "go_backwards",
          "stateful",
          "zero_output_for_mask",
          "use_bias", // or else the weights hold none
          "reset_after",
          "unit_forget_bias", // of the initialiser
          "bidirectional",
          "merge_mode");

  private static final Pattern ROW = Pattern.compile("output\\[(\\d+)]");
  private static final Pattern STATE = Pattern.compile("state(\\d+)");

  private final JsonNode json;
  private final JsonNode config;
  private final CaseTensor x;
  private final int batch;
  private final int steps;
  private final int features;
  private final boolean bidirectional;

  /** Units of the last cell, whose outputs are asserted. */
  private final int units;

  /** All cells, or one after the other if their widths differ. */
  private final List<OnnxStack> stacks = new ArrayList<>();

  /** {@code [N][length]}: the time of the k-th step that counts, in processing order. */
  private final int[][] times;

  private KerasCase(JsonNode json) {
    this.json = json;
    this.config = json.get("config");
    this.x = CaseTensor.input(json.get("inputs").get("x"));
    this.batch = x.dims[0];
    this.steps = x.dims[1];
    this.features = x.dims[2];
    this.bidirectional = flag("bidirectional");
    int[] widths = new int[config.get("units").size()];
    Arrays.setAll(widths, i -> config.get("units").get(i).asInt());
    this.units = widths[widths.length - 1];
    if (Arrays.stream(widths).allMatch(width -> width == units)) {
      stacks.add(stack(features, units, widths.length));
    } else {
      for (int i = 0; i < widths.length; i++) {
        stacks.add(stack(i == 0 ? features : widths[i - 1], widths[i], 1));
      }
    }
    this.times = times();
  }

  static ConformanceCase of(String id, String kind, JsonNode json) {
    ConformanceFiles.requireKnown(id, "setting", json.get("config"), SETTINGS);
    ConformanceFiles.requireKnown(
        id, "input", json.get("inputs"), Set.of("x", "mask", "initial_state"));
    return ConformanceCase.of(id, kind, solver -> new KerasCase(json).check(solver));
  }

  private OnnxStack stack(int inputSize, int hiddenSize, int layers) {
    return new OnnxStack(
        RnnSpec.of(cell(), inputSize, hiddenSize)
            .withLayers(layers)
            .withBidirectional(bidirectional)
            .shape(steps, batch));
  }

  /** The first of the cells in the case that a stack has. */
  private int firstCell(int index) {
    return stacks.get(0).layers * index;
  }

  private OnnxStack top() {
    return stacks.get(stacks.size() - 1);
  }

  private boolean flag(String name) {
    return ConformanceFiles.number(name, config.path(name), 0) != 0;
  }

  private CellType cell() {
    return switch (config.get("layer").asText()) {
      case "RNN" -> CellType.RNN_TANH;
      case "GRU" -> flag("reset_after") ? CellType.GRU_RESET_AFTER : CellType.GRU_RESET_BEFORE;
      case "LSTM" -> CellType.LSTM;
      default -> throw new IllegalArgumentException("unknown layer " + config.get("layer"));
    };
  }

  private int[][] times() {
    JsonNode node = json.get("inputs").get("mask");
    CaseTensor mask = node == null || node.isNull() ? null : CaseTensor.of(node);
    int[][] result = new int[batch][];
    for (int n = 0; n < batch; n++) {
      int row = n;
      result[n] =
          java.util.stream.IntStream.range(0, steps)
              .map(k -> flag("go_backwards") ? steps - 1 - k : k)
              .filter(t -> mask == null || mask.data[row * steps + t] != 0)
              .toArray();
    }
    return result;
  }

  private void check(Solver solver) {
    double[] packed = new double[x.data.length];
    int[] lengths = new int[batch];
    for (int n = 0; n < batch; n++) {
      lengths[n] = times[n].length;
      for (int k = 0; k < times[n].length; k++) {
        System.arraycopy(
            x.data,
            (n * steps + times[n][k]) * features,
            packed,
            (k * batch + n) * features,
            features);
      }
    }
    double[] @Nullable [] states = new double[stacks.size()][];
    Arrays.setAll(states, this::initialState);
    int calls = json.get("calls_with_same_input").asInt();
    Solver.@Nullable Solution[] solutions = new Solver.Solution[stacks.size()];
    for (int call = 0; call < calls; call++) {
      double[] below = packed;
      for (int i = 0; i < solutions.length; i++) {
        OnnxStack stack = stacks.get(i);
        double[] parameters = stack.parameters(weights(firstCell(i)));
        RnnProblem problem = stack.problem(parameters, below, lengths, states[i], null, null);
        Solver.Solution solution = solver.solve(problem);
        solutions[i] = solution;
        states[i] = flag("stateful") ? asFloats(solution.finalState()) : states[i];
        below = asFloats(solution.y());
      }
    }
    compare(Arrays.stream(solutions).map(Objects::requireNonNull).toList(), solver.bar());
  }

  private OnnxStack.Weights weights(int firstCell) {
    return (tensor, layer, direction) -> {
      JsonNode of = json.get("weights").get(bidirectional ? direction : firstCell + layer);
      JsonNode values = of.get(tensor);
      return values == null || values.isNull() ? null : CaseTensor.input(values).data;
    };
  }

  /** A backend holds its state in float32 anyway. */
  private static double[] asFloats(double[] values) {
    return Arrays.stream(values).map(v -> (float) v).toArray();
  }

  /** Keras lists the states of one direction or cell after the other. */
  private double @Nullable [] initialState(int index) {
    JsonNode list = json.get("inputs").get("initial_state");
    if (list == null || list.isNull()) {
      return null;
    }
    OnnxStack stack = stacks.get(index);
    int states = cell().states();
    int blocks = stack.layers * stack.directions;
    int n = batch * stack.shape.hiddenSize();
    double[][] parts = new double[2][blocks * n];
    for (int i = 0; i < blocks * states; i++) {
      JsonNode each = list.get(firstCell(index) * states + i);
      System.arraycopy(CaseTensor.input(each).data, 0, parts[i % states], i / states * n, n);
    }
    return stack.state(parts[0], states == 2 ? parts[1] : null);
  }

  private void compare(List<Solver.Solution> solutions, double bar) {
    Solver.Solution s = solutions.get(solutions.size() - 1);
    JsonNode errors = json.path("verified").path("max_abs_err");
    for (Map.Entry<String, JsonNode> field : json.get("expected").properties()) {
      String name = field.getKey();
      double[] actual =
          switch (name) {
            case "output" -> output(s);
            case "output_forward" -> last(s, 0);
            case "output_backward" -> last(s, 1);
            default -> name.startsWith("state") ? state(solutions, name) : row(s, name);
          };
      CaseTensor.of(field.getValue())
          .check(name, actual, errors.path(name).asDouble(0), bar + CaseTensor.PRINTED);
    }
  }

  private static int index(Pattern pattern, String name) {
    Matcher matcher = pattern.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("unknown expected tensor " + name);
    }
    return Integer.parseInt(matcher.group(1));
  }

  private double[] row(Solver.Solution s, String name) {
    int n = index(ROW, name);
    double[] all = sequences(s, 0);
    return Arrays.copyOfRange(all, n * steps * units, (n + 1) * steps * units);
  }

  private double[] state(List<Solver.Solution> solutions, String name) {
    int index = index(STATE, name);
    int states = cell().states();
    int perStack = stacks.get(0).layers * stacks.get(0).directions * states;
    OnnxStack stack = stacks.get(index / perStack);
    double[] all = stack.stateOf(solutions.get(index / perStack).finalState(), index % states);
    int n = batch * stack.shape.hiddenSize();
    int block = index % perStack / states;
    return Arrays.copyOfRange(all, block * n, (block + 1) * n);
  }

  /** Last output {@code [N,H]} of the top layer: its final h. */
  private double[] last(Solver.Solution s, int direction) {
    double[] all = top().stateOf(s.finalState(), 0);
    int n = batch * units;
    int block = (top().layers - 1) * top().directions + direction;
    return Arrays.copyOfRange(all, block * n, (block + 1) * n);
  }

  private double[] output(Solver.Solution s) {
    boolean sequences = flag("return_sequences");
    double[] forward = sequences ? sequences(s, 0) : last(s, 0);
    if (!bidirectional) {
      return forward;
    }
    double[] backward = sequences ? sequences(s, 1) : last(s, 1);
    String merge = config.get("merge_mode").asText();
    double[] merged = new double[forward.length * (merge.equals("concat") ? 2 : 1)];
    for (int i = 0; i < forward.length; i++) {
      switch (merge) {
        case "concat" -> {
          int at = i / units * 2 * units + i % units;
          merged[at] = forward[i];
          merged[at + units] = backward[i];
        }
        case "sum" -> merged[i] = forward[i] + backward[i];
        case "mul" -> merged[i] = forward[i] * backward[i];
        case "ave" -> merged[i] = (forward[i] + backward[i]) / 2;
        default -> throw new IllegalArgumentException("unknown merge_mode " + merge);
      }
    }
    return merged;
  }

  /**
   * Outputs {@code [N,T,H]} of one direction; at a masked step the last output again, or zero.
   * Keras leaves those of go_backwards in processing order.
   */
  private double[] sequences(Solver.Solution s, int direction) {
    RnnShape shape = top().shape;
    double[] result = new double[batch * steps * units];
    for (int n = 0; n < batch; n++) {
      int done = 0;
      for (int k = 0; k < steps; k++) {
        int time = flag("go_backwards") ? steps - 1 - k : k;
        boolean counts = done < times[n].length && times[n][done] == time;
        done += counts ? 1 : 0;
        if (counts || (done > 0 && !flag("zero_output_for_mask"))) {
          int from = ((done - 1) * batch + n) * shape.outputSize() + direction * units;
          System.arraycopy(s.y(), from, result, (n * steps + k) * units, units);
        }
      }
    }
    return result;
  }
}
