package dev.sequor.reference;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomStreams;
import dev.sequor.backend.RnnSpec;
import java.util.Arrays;
import java.util.List;

/**
 * One layer and direction of a stack with {@link CellOptions}, for one sequence, in the plainest
 * form: every option is a line of its own, in the order in which {@link CellOptions} describes
 * them.
 */
final class ReferenceOptions<V> {
  private final Algebra<V> a;
  private final RnnProblem problem;
  private final RnnSpec stack;
  private final CellOptions options;
  private final int layer;
  private final int direction;
  private final int b;
  private final int h;
  private final int p;
  private final int inputs;
  private final V flat;
  private final V recurrentWeights;

  ReferenceOptions(
      Algebra<V> a, RnnProblem problem, V parameters, int layer, int direction, int b) {
    this.a = a;
    this.problem = problem;
    this.stack = problem.shape.stack();
    this.options = stack.options();
    this.layer = layer;
    this.direction = direction;
    this.b = b;
    this.h = stack.hiddenSize();
    this.p = stack.stateSize();
    this.inputs = problem.shape.layerInputSize(layer);
    this.flat = parameters;
    V r = tensor(Kind.RECURRENT_WEIGHTS);
    double[] mask =
        mask(
            RandomStreams.RECURRENT_DROP_CONNECT,
            options.recurrentDropConnect(),
            0,
            stack.gates() * h * p);
    this.recurrentWeights = a.multiply(r, a.constant(mask));
  }

  private V tensor(Kind kind) {
    int elements = (int) stack.parameterLayout().elements(kind, layer);
    return a.slice(flat, (int) stack.parameterLayout().offset(kind, layer, direction), elements);
  }

  /** The part of gates {@code names} of a vector or matrix of all gates. */
  private V of(String names, V all, int columns) {
    int first = stack.gateNames().indexOf(names);
    return a.slice(all, first * h * columns, names.length() * h * columns);
  }

  /** 0 or {@code 1/(1−q)} for each of {@code count} numbers from {@code from} on. */
  private double[] mask(RandomStreams what, float q, long from, int count) {
    double[] mask = dropped(what, q, from, count);
    for (int i = 0; i < count; i++) {
      mask[i] = (1 - mask[i]) / (problem.training ? 1 - (double) q : 1);
    }
    return mask;
  }

  /** 1 where a number says so, with probability {@code q}, in training; else 0. */
  private double[] dropped(RandomStreams what, float q, long from, int count) {
    double[] dropped = new double[count];
    // Both directions read the same input.
    int drawing = what == RandomStreams.INPUT_DROPOUT ? 0 : direction;
    int stream = problem.dropoutStream + what.of(stack, layer, drawing);
    for (int i = 0; i < count && problem.training && q > 0; i++) {
      long word =
          Integer.toUnsignedLong(
              Philox.word(problem.dropoutSeed, stream, problem.dropoutOffset, from + i));
      dropped[i] = word < q * 0x1p32 ? 1 : 0;
    }
    return dropped;
  }

  private V normalised(V x, V gain, V bias, int n) {
    V mean = a.spread(a.multiply(a.sum(x), a.constant(1.0 / n)), n);
    V centred = a.subtract(x, mean);
    V variance = a.multiply(a.sum(a.multiply(centred, centred)), a.constant(1.0 / n));
    V deviation = a.squareRoot(a.add(variance, a.constant(CellOptions.NORM_EPSILON)));
    V unit = a.multiply(centred, a.spread(a.reciprocal(deviation), n));
    return a.add(a.multiply(unit, gain), bias);
  }

  /** {@code W x + bW} or {@code LN(W x)} of gates that are normalised together. */
  private V input(String names, V x) {
    V product =
        a.product(of(names, tensor(Kind.INPUT_WEIGHTS), inputs), x, names.length() * h, inputs);
    return finished(names, product, Kind.INPUT_GAIN, Kind.INPUT_BIAS);
  }

  /** {@code R h + bR} or {@code LN(R h)}. */
  private V recurrent(String names, V operand) {
    V product = a.product(of(names, recurrentWeights, p), operand, names.length() * h, p);
    return finished(names, product, Kind.RECURRENT_GAIN, Kind.RECURRENT_BIAS);
  }

  private V finished(String names, V product, Kind gain, Kind bias) {
    V offset = of(names, tensor(bias), 1);
    return options.layerNorm()
        ? normalised(product, of(names, tensor(gain), 1), offset, names.length() * h)
        : a.add(product, offset);
  }

  private V gate(String names, char gate, V all) {
    return a.slice(all, names.indexOf(gate) * h, h);
  }

  private V clipped(V x, float limit) {
    if (limit == 0) {
      return x;
    }
    V top = a.constant(filled(limit));
    V bottom = a.constant(filled(-limit));
    return a.choose(x, limit, top, a.choose(x, -limit, x, bottom));
  }

  private double[] filled(double value) {
    double[] values = new double[h];
    Arrays.fill(values, value);
    return values;
  }

  /** The function of a gate, of what is clipped. */
  private V f(int which, V x) {
    return function(which, clipped(x, options.gateClip()));
  }

  private V function(int which, V x) {
    GateFunction function = stack.functions().get(which);
    V alpha = a.constant(filled(function.alpha()));
    V beta = a.constant(filled(function.beta()));
    V zero = a.constant(new double[h]);
    V one = a.constant(filled(1));
    return switch (function.kind()) {
      case SIGMOID -> a.sigmoid(x);
      case TANH -> a.tanh(x);
      case RELU -> a.relu(x);
      case HARD_SIGMOID -> {
        V line = a.add(a.multiply(alpha, x), beta);
        yield a.choose(line, 1, one, a.choose(line, 0, line, zero));
      }
      case AFFINE -> a.add(a.multiply(alpha, x), beta);
      case LEAKY_RELU -> a.choose(x, 0, x, a.multiply(alpha, x));
      case THRESHOLDED_RELU -> a.choose(x, function.alpha(), x, zero);
      case SCALED_TANH -> a.multiply(alpha, a.tanh(a.multiply(beta, x)));
      case ELU -> a.choose(x, 0, x, a.multiply(alpha, a.subtract(a.exp(x), one)));
      case SOFTSIGN ->
          a.choose(
              x,
              0,
              a.multiply(x, a.reciprocal(a.add(one, x))),
              a.multiply(x, a.reciprocal(a.subtract(one, x))));
      case SOFTPLUS -> a.log(a.add(one, a.exp(x)));
    };
  }

  /** What the layer gets of {@code x} at any step. */
  V masked(V x) {
    return a.multiply(
        x,
        a.constant(
            mask(RandomStreams.INPUT_DROPOUT, options.inputDropout(), (long) b * inputs, inputs)));
  }

  /** One step at time {@code t}: {@code x [I]}, the states {@code h [P]} and {@code c [H]}. */
  List<V> step(V x, List<V> state, int t) {
    CellType cell = stack.cell();
    V before = state.get(0);
    V seen = cell == CellType.LSTM_CELL_RECURRENT ? state.get(1) : before;
    double[] kept =
        mask(RandomStreams.RECURRENT_DROPOUT, options.recurrentDropout(), (long) b * p, p);
    V operand = a.multiply(seen, a.constant(kept));
    V result;
    V c = null;
    switch (cell) {
      case RNN_LINEAR, RNN_TANH, RNN_RELU ->
          result = f(0, a.add(input("h", x), recurrent("h", operand)));
      case GRU_RESET_BEFORE, GRU_RESET_AFTER -> {
        V rz = a.add(input("rz", x), recurrent("rz", operand));
        V r = f(0, gate("rz", 'r', rz));
        V z = f(0, gate("rz", 'z', rz));
        V fromState =
            cell == CellType.GRU_RESET_BEFORE
                ? recurrent("n", a.multiply(r, operand))
                : a.multiply(r, recurrent("n", operand));
        V n = f(1, a.add(input("n", x), fromState));
        result = a.add(a.multiply(a.oneMinus(z), n), a.multiply(z, before));
      }
      case LSTM, LSTM_PEEPHOLE, LSTM_CELL_RECURRENT -> {
        String names = stack.gateNames();
        V all = a.add(input(names, x), recurrent(names, operand));
        V cBefore = state.get(1);
        boolean peepholes = stack.peepholes() > 0;
        int last = stack.peepholes() - 1;
        V i = f(0, peep(gate(names, 'i', all), peepholes, 0, cBefore));
        V forget =
            options.coupledGates()
                ? a.oneMinus(i)
                : f(0, peep(gate(names, 'f', all), peepholes, 1, cBefore));
        V g = f(1, gate(names, 'g', all));
        c = clipped(a.add(a.multiply(forget, cBefore), a.multiply(i, g)), options.cellClip());
        V o = f(0, peep(gate(names, 'o', all), peepholes, last, c));
        V shown =
            options.layerNorm()
                ? normalised(c, tensor(Kind.CELL_GAIN), tensor(Kind.CELL_BIAS), h)
                : c;
        result = a.multiply(o, function(2, shown));
        if (options.projectionSize() > 0) {
          result = a.product(tensor(Kind.PROJECTION), result, p, h);
        }
        c = zoned(RandomStreams.CELL_ZONEOUT, options.cellZoneout(), cBefore, c, h, t);
      }
      default -> throw new IllegalArgumentException("no equations for " + cell);
    }
    result = zoned(RandomStreams.HIDDEN_ZONEOUT, options.hiddenZoneout(), before, result, p, t);
    return c == null ? List.of(result) : List.of(result, c);
  }

  private V peep(V gate, boolean peepholes, int which, V c) {
    return peepholes
        ? a.add(gate, a.multiply(a.slice(tensor(Kind.PEEPHOLES), which * h, h), c))
        : gate;
  }

  private V zoned(RandomStreams what, float q, V old, V fresh, int width, int t) {
    if (q == 0) {
      return fresh;
    }
    long from = ((long) t * problem.shape.batchSize() + b) * width;
    double[] keep = dropped(what, q, from, width);
    if (!problem.training) {
      Arrays.fill(keep, q);
    }
    V kept = a.constant(keep);
    return a.add(a.multiply(kept, old), a.multiply(a.oneMinus(kept), fresh));
  }
}
