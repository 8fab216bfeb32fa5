package dev.sequor.contract;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A stack with its outputs and every gradient, computed in float64 by another programme. */
final class DerivedCase {
  private static final Set<String> SETTINGS =
      Set.of(
          "cell",
          "num_layers",
          "direction",
          "hidden_size",
          "input_size",
          "proj_size",
          "peephole",
          "bias", // or else the inputs hold none
          "seq_len",
          "batch",
          "activation",
          "linear_before_reset");

  private static final Pattern INPUT =
      Pattern.compile("x|h0|c0|sequence_lens|l\\d+d\\d\\.(?:[WRBP]|projection)");
  private static final Pattern PARAMETER =
      Pattern.compile("grad\\.l(\\d+)d(\\d)\\.([WRBP]|projection)");

  private final JsonNode json;
  private final JsonNode config;
  private final OnnxStack stack;

  private DerivedCase(JsonNode json) {
    this.json = json;
    this.config = json.get("config");
    CellOptions.Builder options =
        CellOptions.builder()
            .projectionSize(
                (int) ConformanceFiles.number("proj_size", config.path("proj_size"), 0));
    GateFunction function = activation(config);
    if (function != null && !List.of(function).equals(cell().functions())) {
      options.activations(function);
    }
    RnnSpec spec =
        RnnSpec.of(cell(), config.get("input_size").asInt(), config.get("hidden_size").asInt())
            .withLayers(config.get("num_layers").asInt())
            .withDirection(
                Direction.valueOf(config.get("direction").asText().toUpperCase(Locale.ROOT)))
            .withOptions(options.build());
    this.stack =
        new OnnxStack(spec.shape(config.get("seq_len").asInt(), config.get("batch").asInt()));
  }

  static ConformanceCase of(String id, String kind, JsonNode json) {
    JsonNode config = json.get("config");
    ConformanceFiles.requireKnown(id, "setting", config, SETTINGS);
    ConformanceFiles.requireKnown(
        id, "gradient by", json.get("output_gradient"), Set.of("y", "h_n", "c_n"));
    for (Map.Entry<String, JsonNode> input : json.get("inputs").properties()) {
      if (!INPUT.matcher(input.getKey()).matches()) {
        throw new IllegalArgumentException(id + " has the input '" + input.getKey() + "'");
      }
    }
    String name = config.path("activation").asText();
    if (!name.isEmpty() && activation(config) == null) {
      return ConformanceCase.unsupported(id, kind, OnnxNodeCase.UNKNOWN_ACTIVATIONS);
    }
    return ConformanceCase.of(id, kind, solver -> new DerivedCase(json).check(solver));
  }

  private CellType cell() {
    return switch (config.get("cell").asText()) {
      case "rnn" ->
          config.path("activation").asText().equalsIgnoreCase("Relu")
              ? CellType.RNN_RELU
              : CellType.RNN_TANH;
      case "gru" ->
          config.get("linear_before_reset").asInt() == 1
              ? CellType.GRU_RESET_AFTER
              : CellType.GRU_RESET_BEFORE;
      case "lstm" -> config.get("peephole").asBoolean() ? CellType.LSTM_PEEPHOLE : CellType.LSTM;
      default -> throw new IllegalArgumentException("unknown cell " + config.get("cell"));
    };
  }

  /** The function of an RNN; null if there is none, or none that is known. */
  private static @Nullable GateFunction activation(JsonNode config) {
    String name = config.path("activation").asText();
    List<List<GateFunction>> functions =
        OnnxActivations.of(List.of(GateFunction.TANH), 1, List.of(name), List.of(), List.of());
    return functions == null ? null : functions.get(0).get(0);
  }

  private static double @Nullable [] data(JsonNode tensors, String name) {
    JsonNode node = tensors.get(name);
    return node == null ? null : CaseTensor.of(node).data;
  }

  private void check(Solver solver) {
    JsonNode inputs = json.get("inputs");
    JsonNode weight = json.get("output_gradient");
    double[] parameters =
        stack.parameters(
            (tensor, layer, direction) ->
                data(inputs, "l" + layer + "d" + direction + "." + tensor));
    RnnProblem problem =
        stack.problem(
            parameters,
            Objects.requireNonNull(data(inputs, "x")),
            CaseTensor.of(inputs.get("sequence_lens")).toInts(),
            stack.state(data(inputs, "h0"), data(inputs, "c0")),
            data(weight, "y"),
            stack.state(data(weight, "h_n"), data(weight, "c_n")));
    Solver.Solution s = solver.solve(problem);
    double slack = json.get("id").asText().contains("saturated") ? solver.saturation() : 0;
    for (Map.Entry<String, JsonNode> field : json.get("expected").properties()) {
      CaseTensor expected = CaseTensor.of(field.getValue());
      String name = field.getKey();
      expected.check(name, actual(name, s, expected.data.length), slack, solver.bar());
    }
  }

  private double[] actual(String name, Solver.Solution s, int elements) {
    return switch (name) {
      case "y" -> s.y();
      case "h_n" -> stack.stateOf(s.finalState(), 0);
      case "c_n" -> stack.stateOf(s.finalState(), 1);
      case "grad.x" -> s.dx();
      case "grad.h0" -> stack.stateOf(s.dInitialState(), 0);
      case "grad.c0" -> stack.stateOf(s.dInitialState(), 1);
      default -> {
        Matcher matcher = PARAMETER.matcher(name);
        if (!matcher.matches()) {
          throw new IllegalArgumentException("unknown expected tensor " + name);
        }
        yield stack.parameter(
            s.dParameters(),
            matcher.group(3),
            Integer.parseInt(matcher.group(1)),
            Integer.parseInt(matcher.group(2)),
            elements);
      }
    };
  }
}
