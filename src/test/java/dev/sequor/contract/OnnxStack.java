package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import org.jspecify.annotations.Nullable;

/**
 * Recurrent layers described the ONNX way, turned into ours and back: gates in the order i, o, f, c
 * or z, r, h, peepholes i, o, f, {@code B = [Wb|Rb]}, outputs {@code [T,D,N,H]}; with a projection
 * {@code R [G·H,P]}, outputs and {@code h} of width P.
 *
 * <p>Coupled gates have rows for both gates, those of one unused: of f with ONNX's {@code f = 1 −
 * i}, of i with TensorFlow Lite's {@code i = 1 − f}. The latter are ours with the signs of f's rows
 * turned, for {@code 1 − σ(a) = σ(−a)}.
 */
final class OnnxStack {
  /** Where the weights of one layer and direction are; null if absent. */
  interface Weights {
    double @Nullable [] of(String tensor, int layer, int direction);
  }

  final CellType cell;
  final int layers;
  final int directions;
  final RnnShape shape;
  private final String gates;
  private final boolean forgets;

  OnnxStack(RnnShape shape) {
    this(shape, false);
  }

  /**
   * A stack.
   *
   * @param forgets whether gates that are coupled are so by {@code i = 1 − f}
   */
  OnnxStack(RnnShape shape, boolean forgets) {
    this.shape = shape;
    this.cell = shape.cell();
    this.layers = shape.layers();
    this.directions = shape.directions();
    this.forgets = forgets;
    this.gates =
        switch (cell.gates()) {
          case 1 -> "h";
          case 3 -> "zrn";
          case 4 -> "iofg";
          default -> throw new IllegalArgumentException("no ONNX gate order for " + cell);
        };
  }

  /** Gate rows of their W and R, over H: coupled gates have rows too. */
  int gateRows() {
    return gates.length();
  }

  private interface Visitor {
    void element(int flat, String tensor, int index, int sign);
  }

  /** The gate whose rows ours has in theirs. */
  private char theirs(char gate) {
    return forgets && gate == 'i' ? 'f' : gate;
  }

  /** Pairs every one of our parameters with its place in the ONNX tensors of one direction. */
  private void forEachParameter(int layer, int direction, Visitor visitor) {
    ParameterLayout layout = shape.parameterLayout();
    RnnSpec stack = shape.stack();
    int h = shape.hiddenSize();
    String peepholes = stack.options().coupledGates() ? "io" : "ifo";
    for (Kind kind : Kind.values()) {
      int at = (int) layout.offset(kind, layer, direction);
      int columns = layout.columns(kind, layer);
      for (int row = 0; row < layout.rows(kind); row++) {
        String names = kind == Kind.PEEPHOLES ? peepholes : stack.gateNames();
        char gate = kind == Kind.PROJECTION ? 'h' : names.charAt(row / h);
        int theirRow = gates.indexOf(theirs(gate)) * h + row % h;
        int sign = theirs(gate) == gate ? 1 : -1;
        for (int column = 0; column < columns; column++) {
          int flat = at + row * columns + column;
          int index = theirRow * columns + column;
          switch (kind) {
            case INPUT_WEIGHTS -> visitor.element(flat, "W", index, sign);
            case RECURRENT_WEIGHTS -> visitor.element(flat, "R", index, sign);
            case INPUT_BIAS -> visitor.element(flat, "B", theirRow, sign);
            case RECURRENT_BIAS -> visitor.element(flat, "B", gateRows() * h + theirRow, sign);
            case PEEPHOLES -> visitor.element(flat, "P", theirRow, sign);
            case PROJECTION -> visitor.element(flat, "projection", row * columns + column, 1);
            default -> throw new IllegalArgumentException("ONNX has no " + kind);
          }
        }
      }
    }
  }

  /** Our flat parameters; absent tensors are zeros. */
  double[] parameters(Weights weights) {
    double[] flat = new double[(int) shape.parameterLayout().totalElements()];
    for (int layer = 0; layer < layers; layer++) {
      for (int direction = 0; direction < directions; direction++) {
        int l = layer;
        int d = direction;
        forEachParameter(
            layer,
            direction,
            (at, tensor, index, sign) -> {
              double[] values = weights.of(tensor, l, d);
              flat[at] = values == null ? 0 : sign * values[index];
            });
      }
    }
    return flat;
  }

  /** The ONNX tensor of one layer and direction from our flat parameters or their gradient. */
  double[] parameter(double[] flat, String tensor, int layer, int direction, int elements) {
    double[] values = new double[elements];
    forEachParameter(
        layer,
        direction,
        (at, name, index, sign) -> {
          if (name.equals(tensor)) {
            values[index] = sign * flat[at];
          }
        });
    return values;
  }

  /** The width of state {@code s}: of h (0) or c (1). */
  int width(int s) {
    return s == 0 ? shape.stack().stateSize() : shape.hiddenSize();
  }

  private interface RowVisitor {
    void row(int theirs, int ours);
  }

  /** The first elements of each row {@code [L·D,N]} of state {@code s} in theirs and ours. */
  private void forEachStateRow(int s, RowVisitor visitor) {
    int batch = shape.batchSize();
    for (int block = 0; block < layers * directions; block++) {
      for (int n = 0; n < batch; n++) {
        int ours = ((block * cell.states() + s) * batch + n) * shape.hiddenSize();
        visitor.row((block * batch + n) * width(s), ours);
      }
    }
  }

  /** Our {@code [L·D,S,B,H]} from theirs, {@code [L·D,N,H]} each; null if both are. */
  double @Nullable [] state(double @Nullable [] h, double @Nullable [] c) {
    if (h == null && c == null) {
      return null;
    }
    double[] state = new double[(int) shape.stateElements()];
    double[][] parts = {h == null ? new double[0] : h, c == null ? new double[0] : c};
    for (int s = 0; s < cell.states(); s++) {
      double[] part = parts[s];
      int width = width(s);
      if (part.length > 0) {
        forEachStateRow(s, (from, to) -> System.arraycopy(part, from, state, to, width));
      }
    }
    return state;
  }

  /** State {@code s} (0: h, 1: c), {@code [L·D,N,H]}. */
  double[] stateOf(double[] state, int s) {
    int width = width(s);
    double[] part = new double[layers * directions * shape.batchSize() * width];
    forEachStateRow(s, (to, from) -> System.arraycopy(state, from, part, to, width));
    return part;
  }

  /** Index in our {@code y [T,B,D·H]} of element {@code (t,d,n,j)}. */
  private int outputIndex(int t, int d, int n, int j) {
    return (t * shape.batchSize() + n) * shape.outputSize() + d * width(0) + j;
  }

  /** Their {@code Y [T,D,N,H]}. */
  double[] outputs(double[] y) {
    double[] result = new double[y.length];
    forEachOutput((index, t, d, n, j) -> result[index] = y[outputIndex(t, d, n, j)]);
    return result;
  }

  /** Our {@code dy} from the gradient by {@code Y [T,D,N,H]}. */
  double[] outputGradient(double[] dY) {
    double[] result = new double[(int) shape.outputElements()];
    forEachOutput((index, t, d, n, j) -> result[outputIndex(t, d, n, j)] = dY[index]);
    return result;
  }

  private interface OutputVisitor {
    void element(int index, int t, int d, int n, int j);
  }

  private void forEachOutput(OutputVisitor visitor) {
    int index = 0;
    for (int t = 0; t < shape.timeSteps(); t++) {
      for (int d = 0; d < directions; d++) {
        for (int n = 0; n < shape.batchSize(); n++) {
          for (int j = 0; j < width(0); j++) {
            visitor.element(index++, t, d, n, j);
          }
        }
      }
    }
  }

  /** A problem with these parts, all ours; absent gradients are zeros. */
  RnnProblem problem(
      double[] parameters,
      double[] x,
      int @Nullable [] lengths,
      double @Nullable [] initialState,
      double @Nullable [] dy,
      double @Nullable [] dFinal) {
    return new RnnProblem(
        shape,
        parameters,
        x,
        lengths,
        initialState,
        dy == null ? new double[(int) shape.outputElements()] : dy,
        dFinal == null ? new double[(int) shape.stateElements()] : dFinal,
        0,
        0,
        true);
  }
}
