package dev.sequor.contract;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
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
  private final int units;
  private final boolean bidirectional;
  private final OnnxStack stack;

  /** {@code [N][length]}: the time of the k-th step that counts, in processing order. */
  private final int[][] times;

  private KerasCase(JsonNode json) {
    this.json = json;
    this.config = json.get("config");
    this.x = CaseTensor.input(json.get("inputs").get("x"));
    this.batch = x.dims[0];
    this.steps = x.dims[1];
    this.features = x.dims[2];
    this.units = config.get("units").get(0).asInt();
    this.bidirectional = flag("bidirectional");
    this.stack =
        new OnnxStack(
            cell(),
            config.get("units").size(),
            bidirectional ? "bidirectional" : "forward",
            steps,
            batch,
            features,
            units);
    this.times = times();
  }

  static ConformanceCase of(String id, String kind, JsonNode json) {
    ConformanceFiles.requireKnown(id, "setting", json.get("config"), SETTINGS);
    ConformanceFiles.requireKnown(
        id, "input", json.get("inputs"), Set.of("x", "mask", "initial_state"));
    for (JsonNode u : json.get("config").get("units")) {
      if (u.asInt() != json.get("config").get("units").get(0).asInt()) {
        return ConformanceCase.unsupported(id, kind, "layers of unequal width");
      }
    }
    return ConformanceCase.of(id, kind, solver -> new KerasCase(json).check(solver));
  }

  private boolean flag(String name) {
    return ConformanceFiles.number(name, config.path(name), 0) != 0;
  }

  private CellType cell() {
    return switch (config.get("layer").asText()) {
      case "RNN" -> CellType.RNN_TANH;
      case "GRU" -> flag("reset_after") ? CellType.GRU_RESET_AFTER : CellType.GRU;
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
    OnnxStack.Weights weights =
        (tensor, layer, direction) -> {
          JsonNode of = json.get("weights").get(bidirectional ? direction : layer);
          JsonNode values = of.get(String.valueOf(tensor));
          return values == null || values.isNull() ? null : CaseTensor.input(values).data;
        };
    double[] parameters = stack.parameters(weights);
    double @Nullable [] state = initialState();
    int calls = json.get("calls_with_same_input").asInt();
    Solver.Solution solution = null;
    for (int call = 0; call < calls; call++) {
      RnnProblem problem = stack.problem(parameters, packed, lengths, state, null);
      solution = solver.solve(problem);
      state = flag("stateful") ? asFloats(solution.finalState()) : state;
    }
    compare(Objects.requireNonNull(solution), solver.bar());
  }

  /** A backend holds its state in float32 anyway. */
  private static double[] asFloats(double[] values) {
    return Arrays.stream(values).map(v -> (float) v).toArray();
  }

  /** Keras lists the states of one direction or layer after the other. */
  private double @Nullable [] initialState() {
    JsonNode list = json.get("inputs").get("initial_state");
    if (list == null || list.isNull()) {
      return null;
    }
    int states = cell().states();
    int n = batch * units;
    double[][] parts = new double[2][list.size() / states * n];
    for (int i = 0; i < list.size(); i++) {
      System.arraycopy(CaseTensor.input(list.get(i)).data, 0, parts[i % states], i / states * n, n);
    }
    return stack.state(parts[0], states == 2 ? parts[1] : null);
  }

  private void compare(Solver.Solution s, double bar) {
    JsonNode errors = json.path("verified").path("max_abs_err");
    for (Map.Entry<String, JsonNode> field : json.get("expected").properties()) {
      String name = field.getKey();
      double[] actual =
          switch (name) {
            case "output" -> output(s);
            case "output_forward" -> last(s, 0);
            case "output_backward" -> last(s, 1);
            default -> name.startsWith("state") ? state(s, name) : row(s, name);
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

  private double[] state(Solver.Solution s, String name) {
    int index = index(STATE, name);
    double[] all = stack.stateOf(s.finalState(), index % cell().states());
    int n = batch * units;
    int block = index / cell().states();
    return Arrays.copyOfRange(all, block * n, (block + 1) * n);
  }

  /** Last output {@code [N,H]} of the top layer: its final h. */
  private double[] last(Solver.Solution s, int direction) {
    double[] all = stack.stateOf(s.finalState(), 0);
    int n = batch * units;
    int block = (stack.layers - 1) * stack.directions + direction;
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
    RnnShape shape = stack.shape;
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
