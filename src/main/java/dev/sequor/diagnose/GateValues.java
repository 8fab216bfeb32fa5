package dev.sequor.diagnose;

import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What the gates of a layer are, in double precision from the equations of {@link CellType}, given
 * what it reads and the states between its steps.
 */
final class GateValues {
  private static final double LOW = 0.1;
  private static final double HIGH = 0.9;

  private final RnnSpec spec;
  private final String names;
  private final Map<String, float[]> tensors;
  private final int hidden;
  private final double[] sums;
  private final long[] low;
  private final long[] high;
  private long count;

  /**
   * A layer.
   *
   * @param spec one layer, forward
   * @param tensors by their kinds, for example {@code input_weights}
   */
  GateValues(RnnSpec spec, Map<String, float[]> tensors) {
    this.spec = spec;
    this.tensors = tensors;
    this.hidden = spec.hiddenSize();
    this.names = spec.gateNames();
    this.sums = new double[names.length()];
    this.low = new long[names.length()];
    this.high = new long[names.length()];
  }

  /** Whether gates are those functions of those sums that {@link CellType} says. */
  static boolean areKnown(RnnSpec spec) {
    return !spec.options().layerNorm() && spec.options().activations().isEmpty();
  }

  /**
   * Takes note of one step of one sequence.
   *
   * @param x {@code [I]}
   * @param h {@code [H]} before the step, of which a projection uses the first
   * @param c {@code [H]} before the step; empty if the cell has none
   * @param cAfter {@code [H]} after it
   */
  void step(float[] x, float[] h, float[] c, float[] cAfter) {
    CellType cell = spec.cell();
    float[] seen = cell == CellType.LSTM_CELL_RECURRENT ? c : h;
    double[] input = product("input_weights", "input_bias", x);
    double[] recurrent = product("recurrent_weights", "recurrent_bias", seen);
    double[] gates = new double[input.length];
    for (int i = 0; i < gates.length; i++) {
      gates[i] = input[i] + recurrent[i];
    }
    if (cell == CellType.LSTM_PEEPHOLE) {
      addPeepholes(gates, c, cAfter);
    }
    boolean gru = cell == CellType.GRU_RESET_AFTER || cell == CellType.GRU_RESET_BEFORE;
    int last = gru ? 2 : names.length();
    for (int gate = 0; gate < last; gate++) {
      for (int j = 0; j < hidden; j++) {
        gates[gate * hidden + j] = value(gate, gates[gate * hidden + j]);
      }
    }
    if (gru) {
      candidate(gates, input, recurrent, h);
    }
    note(gates);
  }

  /** A GRU's {@code n}, whose recurrent part goes through the reset gate. */
  private void candidate(double[] gates, double[] input, double[] recurrent, float[] h) {
    double[] part = recurrent;
    if (spec.cell() == CellType.GRU_RESET_BEFORE) {
      float[] reset = new float[hidden];
      for (int j = 0; j < hidden; j++) {
        reset[j] = (float) (gates[j] * h[j]);
      }
      part = product("recurrent_weights", "recurrent_bias", reset);
    }
    for (int j = 0; j < hidden; j++) {
      int at = 2 * hidden + j;
      double factor = spec.cell() == CellType.GRU_RESET_AFTER ? gates[j] : 1;
      gates[at] = value(2, input[at] + factor * part[at]);
    }
  }

  /** {@code i} and {@code f} see {@code c}, {@code o} sees {@code c'}. */
  private void addPeepholes(double[] gates, float[] c, float[] cAfter) {
    float[] peepholes = tensor("peepholes");
    int place = 0;
    for (int gate = 0; gate < names.length(); gate++) {
      if (names.charAt(gate) == 'g') {
        continue;
      }
      float[] seen = names.charAt(gate) == 'o' ? cAfter : c;
      for (int j = 0; j < hidden; j++) {
        gates[gate * hidden + j] += peepholes[place * hidden + j] * seen[j];
      }
      place++;
    }
  }

  private float[] tensor(String kind) {
    float[] values = tensors.get(kind);
    if (values == null) {
      throw new IllegalStateException("the layer has no " + kind);
    }
    return values;
  }

  private double[] product(String matrix, String bias, float[] vector) {
    float[] weights = tensor(matrix);
    double[] result = new double[names.length() * hidden];
    int columns = weights.length / result.length;
    float[] biases = tensor(bias);
    for (int row = 0; row < result.length; row++) {
      double sum = biases[row];
      for (int j = 0; j < columns; j++) {
        sum += (double) weights[row * columns + j] * vector[j];
      }
      result[row] = sum;
    }
    return result;
  }

  private GateFunction.Kind function(int gate) {
    List<GateFunction> functions = spec.functions();
    char name = names.charAt(gate);
    return functions.get(name == 'g' || name == 'n' ? 1 : 0).kind();
  }

  private double value(int gate, double sum) {
    float clip = spec.options().gateClip();
    double clipped = clip > 0 ? Math.max(-clip, Math.min(clip, sum)) : sum;
    return switch (function(gate)) {
      case SIGMOID -> 1 / (1 + Math.exp(-clipped));
      case TANH -> Math.tanh(clipped);
      case RELU -> Math.max(0, clipped);
      default -> clipped;
    };
  }

  private void note(double[] gates) {
    for (int gate = 0; gate < names.length(); gate++) {
      GateFunction.Kind function = function(gate);
      for (int j = 0; j < hidden; j++) {
        double value = gates[gate * hidden + j];
        sums[gate] += value;
        boolean isLow =
            switch (function) {
              case SIGMOID -> value < LOW;
              case TANH -> value < -HIGH;
              case RELU -> value == 0;
              default -> false;
            };
        low[gate] += isLow ? 1 : 0;
        boolean bounded =
            function == GateFunction.Kind.SIGMOID || function == GateFunction.Kind.TANH;
        high[gate] += bounded && value > HIGH ? 1 : 0;
      }
    }
    count += hidden;
  }

  /** Of all steps so far. */
  List<Diagnosis.Gate> gates() {
    List<Diagnosis.Gate> gates = new ArrayList<>();
    for (int gate = 0; gate < names.length(); gate++) {
      gates.add(
          new Diagnosis.Gate(
              names.charAt(gate),
              sums[gate] / count,
              (double) low[gate] / count,
              (double) high[gate] / count));
    }
    return gates;
  }

  /** Part of a step's vectors {@code [B,W]}. */
  static float[] row(float[] all, int row, int width) {
    return Arrays.copyOfRange(all, row * width, (row + 1) * width);
  }
}
