package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * PyTorch's C++ library in float64: outputs and, by its autograd, every gradient. With lengths it
 * runs on packed sequences, which it wants sorted by falling length and none of them empty.
 */
final class LibTorch implements Solver {
  private static final List<CellType> CELLS =
      List.of(CellType.RNN_TANH, CellType.RNN_RELU, CellType.GRU_RESET_AFTER, CellType.LSTM);

  /** In PyTorch's order; the projection only where there is one. */
  private static final List<Kind> KINDS =
      List.of(
          Kind.INPUT_WEIGHTS,
          Kind.RECURRENT_WEIGHTS,
          Kind.INPUT_BIAS,
          Kind.RECURRENT_BIAS,
          Kind.PROJECTION);

  /** The cells that PyTorch has too. */
  static List<CellType> cells() {
    return CELLS;
  }

  @Override
  public double bar() {
    return 1e-12;
  }

  @Override
  public double saturation() {
    return 0;
  }

  @Override
  @SuppressWarnings("try") // the scope frees every tensor made inside it
  public Solution solve(RnnProblem p) {
    try (PointerScope scope = new PointerScope()) {
      return new Run(p).solve();
    }
  }

  /** One problem as tensors. */
  private static final class Run {
    private final RnnProblem p;
    private final RnnShape shape;

    /** Batch rows by falling length. */
    private final int[] order;

    /** Row {@code t·B + b} of each packed row. */
    private final int[] packed;

    private final long[] batchSizes;
    private final List<Tensor> parameters = new ArrayList<>();

    Run(RnnProblem p) {
      this.p = p;
      this.shape = p.shape;
      int batch = shape.batchSize();
      this.order =
          IntStream.range(0, batch)
              .boxed()
              .sorted(Comparator.comparingInt(b -> -p.length(b)))
              .mapToInt(Integer::intValue)
              .toArray();
      this.packed =
          IntStream.range(0, shape.timeSteps())
              .flatMap(
                  t -> Arrays.stream(order).filter(b -> t < p.length(b)).map(b -> t * batch + b))
              .toArray();
      this.batchSizes =
          IntStream.range(0, p.length(order[0]))
              .mapToLong(t -> Arrays.stream(order).filter(b -> t < p.length(b)).count())
              .toArray();
    }

    Solution solve() {
      boolean hasLengths = p.lengths != null;
      int batch = shape.batchSize();
      int blocks = shape.layers() * shape.directions();
      long[] xDims =
          hasLengths
              ? new long[] {packed.length, shape.inputSize()}
              : new long[] {shape.timeSteps(), batch, shape.inputSize()};
      Tensor x = leaf(rows(p.x, shape.inputSize()), xDims);
      int states = shape.cell().states();
      TensorVector s0 = new TensorVector();
      List<Tensor> initial = new ArrayList<>();
      for (int s = 0; s < states; s++) {
        double[] values = state(Objects.requireNonNull(p.initialState), s);
        initial.add(leaf(values, blocks, batch, width(s)));
        s0.push_back(initial.get(s));
      }
      TensorVector weights = weights();
      List<Tensor> out = run(x, s0, weights, hasLengths);
      Tensor y = out.get(0);
      Tensor dy = Tensor.create(rows(p.dy, shape.outputSize()), y.sizes().vec().get());
      Tensor loss = y.mul(dy).sum();
      for (int s = 0; s < states; s++) {
        Tensor dFinal = Tensor.create(state(p.dFinalState, s), blocks, batch, width(s));
        loss = loss.add(out.get(1 + s).mul(dFinal).sum());
      }
      loss.backward();
      double[] finalState = new double[(int) shape.stateElements()];
      double[] dInitialState = new double[(int) shape.stateElements()];
      for (int s = 0; s < states; s++) {
        putState(values(out.get(1 + s)), s, finalState);
        putState(values(initial.get(s).grad()), s, dInitialState);
      }
      return new Solution(
          unpacked(values(y), shape.outputSize()),
          finalState,
          parameterGradients(),
          unpacked(values(x.grad()), shape.inputSize()),
          dInitialState);
    }

    private List<Tensor> run(Tensor x, TensorVector s0, TensorVector w, boolean hasLengths) {
      Tensor h0 = s0.get(0);
      int layers = shape.layers();
      boolean both = shape.directions() == 2;
      if (shape.cell() == CellType.LSTM) {
        T_TensorTensorTensor_T r =
            hasLengths
                ? torch.lstm(x, sizes(), s0, w, true, layers, 0, true, both)
                : torch.lstm(x, s0, w, true, layers, 0, true, both, false);
        return List.of(r.get0(), r.get1(), r.get2());
      }
      T_TensorTensor_T r =
          switch (shape.cell()) {
            case RNN_TANH ->
                hasLengths
                    ? torch.rnn_tanh(x, sizes(), h0, w, true, layers, 0, true, both)
                    : torch.rnn_tanh(x, h0, w, true, layers, 0, true, both, false);
            case RNN_RELU ->
                hasLengths
                    ? torch.rnn_relu(x, sizes(), h0, w, true, layers, 0, true, both)
                    : torch.rnn_relu(x, h0, w, true, layers, 0, true, both, false);
            case GRU_RESET_AFTER ->
                hasLengths
                    ? torch.gru(x, sizes(), h0, w, true, layers, 0, true, both)
                    : torch.gru(x, h0, w, true, layers, 0, true, both, false);
            default -> throw new IllegalArgumentException("PyTorch has no " + shape.cell());
          };
      return List.of(r.get0(), r.get1());
    }

    private Tensor sizes() {
      return Tensor.create(batchSizes);
    }

    /** PyTorch's order is ours: for each layer and direction w_ih, w_hh, b_ih, b_hh, w_hr. */
    private TensorVector weights() {
      ParameterLayout layout = shape.parameterLayout();
      TensorVector weights = new TensorVector();
      for (int layer = 0; layer < shape.layers(); layer++) {
        for (int direction = 0; direction < shape.directions(); direction++) {
          for (Kind kind : kinds()) {
            int from = (int) layout.offset(kind, layer, direction);
            int to = from + (int) layout.elements(kind, layer);
            int rows = layout.rows(kind);
            int columns = layout.columns(kind, layer);
            long[] dims =
                columns == 1 && isBias(kind) ? new long[] {rows} : new long[] {rows, columns};
            parameters.add(leaf(Arrays.copyOfRange(p.parameters, from, to), dims));
            weights.push_back(parameters.get(parameters.size() - 1));
          }
        }
      }
      return weights;
    }

    private List<Kind> kinds() {
      return KINDS.stream().filter(kind -> shape.parameterLayout().rows(kind) > 0).toList();
    }

    /** The width of h (0) or c (1). */
    private int width(int s) {
      return s == 0 ? shape.stack().stateSize() : shape.hiddenSize();
    }

    private static boolean isBias(Kind kind) {
      return kind == Kind.INPUT_BIAS || kind == Kind.RECURRENT_BIAS;
    }

    private double[] parameterGradients() {
      ParameterLayout layout = shape.parameterLayout();
      double[] flat = new double[p.parameters.length];
      int next = 0;
      for (int layer = 0; layer < shape.layers(); layer++) {
        for (int direction = 0; direction < shape.directions(); direction++) {
          for (Kind kind : kinds()) {
            double[] values = values(parameters.get(next++).grad());
            int at = (int) layout.offset(kind, layer, direction);
            System.arraycopy(values, 0, flat, at, values.length);
          }
        }
      }
      return flat;
    }

    private double[] rows(double[] padded, int width) {
      if (p.lengths == null) {
        return padded;
      }
      double[] result = new double[packed.length * width];
      for (int i = 0; i < packed.length; i++) {
        System.arraycopy(padded, packed[i] * width, result, i * width, width);
      }
      return result;
    }

    private double[] unpacked(double[] rows, int width) {
      if (p.lengths == null) {
        return rows;
      }
      double[] result = new double[shape.timeSteps() * shape.batchSize() * width];
      for (int i = 0; i < packed.length; i++) {
        System.arraycopy(rows, i * width, result, packed[i] * width, width);
      }
      return result;
    }

    /** State {@code s}, {@code [L·D,B,H]}, rows in PyTorch's order. */
    private double[] state(double[] ours, int s) {
      int blocks = shape.layers() * shape.directions();
      double[] result = new double[blocks * shape.batchSize() * width(s)];
      forEachStateRow(
          s, (theirRow, ourRow) -> System.arraycopy(ours, ourRow, result, theirRow, width(s)));
      return result;
    }

    private void putState(double[] theirs, int s, double[] ours) {
      forEachStateRow(
          s, (theirRow, ourRow) -> System.arraycopy(theirs, theirRow, ours, ourRow, width(s)));
    }

    private interface RowVisitor {
      void row(int theirs, int ours);
    }

    private void forEachStateRow(int s, RowVisitor visitor) {
      int batch = shape.batchSize();
      int h = shape.hiddenSize();
      for (int block = 0; block < shape.layers() * shape.directions(); block++) {
        for (int i = 0; i < batch; i++) {
          int b = p.lengths == null ? i : order[i];
          int ours = ((block * shape.cell().states() + s) * batch + b) * h;
          visitor.row((block * batch + i) * width(s), ours);
        }
      }
    }

    private static Tensor leaf(double[] values, long... dims) {
      Tensor tensor = Tensor.create(values, dims);
      tensor.set_requires_grad(true);
      return tensor;
    }

    private static double[] values(Tensor tensor) {
      DoubleBuffer buffer = tensor.detach().contiguous().createBuffer();
      double[] values = new double[(int) tensor.numel()];
      buffer.get(values);
      return values;
    }
  }
}
