package dev.sequor.reference;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout.Kind;
import java.util.List;
import java.util.Map;

/** One step of each cell, as its equations are printed in {@link CellType}. */
final class ReferenceCells {
  private ReferenceCells() {}

  /** A cell: {@code x [I]} and the state vectors {@code [S][H]} give the next state; h is first. */
  interface Step {
    <V> List<V> apply(Algebra<V> a, Gates<V> gates, V x, List<V> state);
  }

  /** To add a cell, write its equations below and its line here. */
  private static final Map<CellType, Step> STEPS =
      Map.of(
          CellType.RNN_LINEAR, ReferenceCells::rnnLinear,
          CellType.RNN_TANH, ReferenceCells::rnnTanh,
          CellType.RNN_RELU, ReferenceCells::rnnRelu,
          CellType.GRU_RESET_BEFORE, ReferenceCells::gru,
          CellType.GRU_RESET_AFTER, ReferenceCells::gruResetAfter,
          CellType.LSTM, ReferenceCells::lstm,
          CellType.LSTM_CELL_RECURRENT, ReferenceCells::lstmCellRecurrent,
          CellType.LSTM_PEEPHOLE, ReferenceCells::lstmPeephole);

  static Step of(CellType cell) {
    Step step = STEPS.get(cell);
    if (step == null) {
      throw new IllegalArgumentException("ReferenceCells has no equations for " + cell);
    }
    return step;
  }

  private static <V> List<V> rnnLinear(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    return List.of(gates.sum('h', x, state.get(0)));
  }

  private static <V> List<V> rnnTanh(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    return List.of(a.tanh(gates.sum('h', x, state.get(0))));
  }

  private static <V> List<V> rnnRelu(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    return List.of(a.relu(gates.sum('h', x, state.get(0))));
  }

  private static <V> List<V> gru(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    V h = state.get(0);
    V r = a.sigmoid(gates.sum('r', x, h));
    V z = a.sigmoid(gates.sum('z', x, h));
    V n = a.tanh(gates.sum('n', x, a.multiply(r, h)));
    return List.of(a.add(a.multiply(a.oneMinus(z), n), a.multiply(z, h)));
  }

  private static <V> List<V> gruResetAfter(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    V h = state.get(0);
    V r = a.sigmoid(gates.sum('r', x, h));
    V z = a.sigmoid(gates.sum('z', x, h));
    V n = a.tanh(a.add(gates.input('n', x), a.multiply(r, gates.recurrent('n', h))));
    return List.of(a.add(a.multiply(a.oneMinus(z), n), a.multiply(z, h)));
  }

  private static <V> List<V> lstm(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    V h = state.get(0);
    V c = state.get(1);
    V i = a.sigmoid(gates.sum('i', x, h));
    V f = a.sigmoid(gates.sum('f', x, h));
    V g = a.tanh(gates.sum('g', x, h));
    V o = a.sigmoid(gates.sum('o', x, h));
    V next = a.add(a.multiply(f, c), a.multiply(i, g));
    return List.of(a.multiply(o, a.tanh(next)), next);
  }

  private static <V> List<V> lstmCellRecurrent(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    V c = state.get(1);
    V i = a.sigmoid(gates.sum('i', x, c));
    V f = a.sigmoid(gates.sum('f', x, c));
    V g = a.tanh(gates.sum('g', x, c));
    V o = a.sigmoid(gates.sum('o', x, c));
    V next = a.add(a.multiply(f, c), a.multiply(i, g));
    return List.of(a.multiply(o, a.tanh(next)), next);
  }

  private static <V> List<V> lstmPeephole(Algebra<V> a, Gates<V> gates, V x, List<V> state) {
    V h = state.get(0);
    V c = state.get(1);
    V i = a.sigmoid(a.add(gates.sum('i', x, h), a.multiply(gates.peephole(0), c)));
    V f = a.sigmoid(a.add(gates.sum('f', x, h), a.multiply(gates.peephole(1), c)));
    V g = a.tanh(gates.sum('g', x, h));
    V next = a.add(a.multiply(f, c), a.multiply(i, g));
    V o = a.sigmoid(a.add(gates.sum('o', x, h), a.multiply(gates.peephole(2), next)));
    return List.of(a.multiply(o, a.tanh(next)), next);
  }

  /** The weights of one layer and direction, by gate. */
  static final class Gates<V> {
    private final Algebra<V> a;
    private final String names;
    private final int inputSize;
    private final int hiddenSize;
    private final List<V> w;
    private final List<V> r;
    private final List<V> bW;
    private final List<V> bR;
    private final List<V> p;

    /** Cuts the flat parameters of a stack. */
    Gates(Algebra<V> a, RnnProblem problem, V parameters, int layer, int direction) {
      this.a = a;
      this.names = problem.shape.cell().gateNames();
      this.inputSize = problem.shape.layerInputSize(layer);
      this.hiddenSize = problem.shape.hiddenSize();
      Cutter<V> cut =
          (kind, index, columns) ->
              a.slice(
                  parameters,
                  (int) problem.shape.parameterLayout().offset(kind, layer, direction)
                      + index * hiddenSize * columns,
                  hiddenSize * columns);
      this.w = perVector(names.length(), i -> cut.apply(Kind.INPUT_WEIGHTS, i, inputSize));
      this.r = perVector(names.length(), i -> cut.apply(Kind.RECURRENT_WEIGHTS, i, hiddenSize));
      this.bW = perVector(names.length(), i -> cut.apply(Kind.INPUT_BIAS, i, 1));
      this.bR = perVector(names.length(), i -> cut.apply(Kind.RECURRENT_BIAS, i, 1));
      this.p = perVector(problem.shape.cell().peepholes(), i -> cut.apply(Kind.PEEPHOLES, i, 1));
    }

    private interface Cutter<V> {
      V apply(Kind kind, int index, int columns);
    }

    private static <V> List<V> perVector(int count, java.util.function.IntFunction<V> f) {
      return java.util.stream.IntStream.range(0, count).mapToObj(f).toList();
    }

    /** {@code W x + bW} of one gate. */
    V input(char gate, V x) {
      int i = names.indexOf(gate);
      return a.add(a.product(w.get(i), x, hiddenSize, inputSize), bW.get(i));
    }

    /** {@code R h + bR} of one gate. */
    V recurrent(char gate, V h) {
      int i = names.indexOf(gate);
      return a.add(a.product(r.get(i), h, hiddenSize, hiddenSize), bR.get(i));
    }

    /** {@code W x + bW + R h + bR} of one gate. */
    V sum(char gate, V x, V h) {
      return a.add(input(gate, x), recurrent(gate, h));
    }

    /** The {@code index}-th peephole vector. */
    V peephole(int index) {
      return p.get(index);
    }
  }
}
