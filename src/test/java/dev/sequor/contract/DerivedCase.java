package dev.sequor.contract;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.CellType;
import dev.sequor.reference.RnnProblem;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A stack with its outputs and every gradient, computed in float64 by another programme. */
final class DerivedCase {
  private final JsonNode json;
  private final JsonNode config;
  private final OnnxStack stack;

  private DerivedCase(JsonNode json) {
    this.json = json;
    this.config = json.get("config");
    this.stack =
        new OnnxStack(
            cell(),
            config.get("num_layers").asInt(),
            config.get("direction").asText(),
            config.get("seq_len").asInt(),
            config.get("batch").asInt(),
            config.get("input_size").asInt(),
            config.get("hidden_size").asInt());
  }

  static ConformanceCase of(JsonNode json) {
    String id = json.get("id").asText();
    return json.get("config").get("proj_size").asInt() > 0
        ? ConformanceCase.unsupported(id, "projection")
        : ConformanceCase.of(id, solver -> new DerivedCase(json).check(solver));
  }

  private CellType cell() {
    return switch (config.get("cell").asText()) {
      case "rnn" ->
          config.get("activation").asText().equals("Relu") ? CellType.RNN_RELU : CellType.RNN_TANH;
      case "gru" ->
          config.get("linear_before_reset").asInt() == 1 ? CellType.GRU_RESET_AFTER : CellType.GRU;
      case "lstm" -> config.get("peephole").asBoolean() ? CellType.LSTM_PEEPHOLE : CellType.LSTM;
      default -> throw new IllegalArgumentException("unknown cell " + config.get("cell"));
    };
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
    double[] dy = data(weight, "y");
    double[] dFinal = stack.state(data(weight, "h_n"), data(weight, "c_n"));
    RnnProblem problem =
        new RnnProblem(
            stack.shape,
            parameters,
            Objects.requireNonNull(data(inputs, "x")),
            CaseTensor.of(inputs.get("sequence_lens")).toInts(),
            stack.state(data(inputs, "h0"), data(inputs, "c0")),
            dy == null ? new double[(int) stack.shape.outputElements()] : spread(dy),
            dFinal == null ? new double[(int) stack.shape.stateElements()] : dFinal,
            0,
            0,
            true);
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
      case "y" -> gathered(s.y());
      case "h_n" -> stack.stateOf(s.finalState(), 0);
      case "c_n" -> stack.stateOf(s.finalState(), 1);
      case "grad.x" -> s.dx();
      case "grad.h0" -> stack.stateOf(s.dInitialState(), 0);
      case "grad.c0" -> stack.stateOf(s.dInitialState(), 1);
      default -> // grad.l0d1.W
          stack.parameter(
              s.dParameters(),
              name.charAt(10),
              name.charAt(6) - '0',
              name.charAt(8) - '0',
              elements);
    };
  }

  /**
   * Their {@code [T,N,D·H]} in our {@code y}, which has a second direction if theirs is reverse.
   */
  private double[] spread(double[] theirs) {
    double[] ours = new double[(int) stack.shape.outputElements()];
    int width = stack.directions * stack.shape.hiddenSize();
    int stride = stack.shape.outputSize();
    for (int i = 0; i < theirs.length; i++) {
      ours[i / width * stride + (stride - width) + i % width] = theirs[i];
    }
    return ours;
  }

  private double[] gathered(double[] ours) {
    int width = stack.directions * stack.shape.hiddenSize();
    int stride = stack.shape.outputSize();
    double[] theirs = new double[ours.length / stride * width];
    for (int i = 0; i < theirs.length; i++) {
      theirs[i] = ours[i / width * stride + (stride - width) + i % width];
    }
    return theirs;
  }
}
