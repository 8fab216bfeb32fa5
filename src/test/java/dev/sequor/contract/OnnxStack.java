package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Recurrent layers described the ONNX way, turned into ours and back: gates in the order i, o, f, c
 * or z, r, h, peepholes i, o, f, {@code B = [Wb|Rb]}, outputs {@code [T,D,N,H]}.
 *
 * <p>A layer in the reverse direction only is the second half of a bidirectional one.
 */
final class OnnxStack {
  /** Where the weights of one layer and direction are; null if absent. */
  interface Weights {
    double @Nullable [] of(char tensor, int layer, int direction);
  }

  final CellType cell;
  final int layers;
  final int directions;
  final boolean reverse;
  final RnnShape shape;
  private final int[] gates;
  private final int[] peepholes = {0, 2, 1};

  OnnxStack(
      CellType cell, int layers, String direction, int steps, int batch, int input, int hidden) {
    this.cell = cell;
    this.layers = layers;
    this.reverse = direction.toLowerCase(Locale.ROOT).equals("reverse");
    this.directions = direction.toLowerCase(Locale.ROOT).equals("bidirectional") ? 2 : 1;
    if (reverse && layers > 1) {
      throw new IllegalArgumentException("a stack of reverse layers is no bidirectional stack");
    }
    this.shape =
        new RnnShape(cell, layers, reverse ? 2 : directions, steps, batch, input, hidden, 0f);
    this.gates =
        switch (cell.gates()) {
          case 1 -> new int[] {0};
          case 3 -> new int[] {1, 0, 2};
          case 4 -> new int[] {0, 2, 3, 1};
          default -> throw new IllegalArgumentException("no ONNX gate order for " + cell);
        };
  }

  /** Of our direction, the one in the case. */
  private int theirs(int direction) {
    return reverse ? 0 : direction;
  }

  private int ours(int direction) {
    return reverse ? 1 : direction;
  }

  private interface Visitor {
    void element(int flat, char tensor, int index);
  }

  /** Pairs every one of our parameters with its place in the ONNX tensors of one direction. */
  private void forEachParameter(int layer, int direction, Visitor visitor) {
    ParameterLayout layout = shape.parameterLayout();
    int h = shape.hiddenSize();
    for (Kind kind : Kind.values()) {
      int at = (int) layout.offset(kind, layer, direction);
      int columns = layout.columns(kind, layer);
      for (int row = 0; row < layout.rows(kind); row++) {
        int[] order = kind == Kind.PEEPHOLES ? peepholes : gates;
        int theirRow = order[row / h] * h + row % h;
        for (int column = 0; column < columns; column++) {
          int flat = at + row * columns + column;
          switch (kind) {
            case INPUT_WEIGHTS -> visitor.element(flat, 'W', theirRow * columns + column);
            case RECURRENT_WEIGHTS -> visitor.element(flat, 'R', theirRow * columns + column);
            case INPUT_BIAS -> visitor.element(flat, 'B', theirRow);
            case RECURRENT_BIAS -> visitor.element(flat, 'B', cell.gates() * h + theirRow);
            case PEEPHOLES -> visitor.element(flat, 'P', theirRow);
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
      for (int direction = 0; direction < shape.directions(); direction++) {
        int l = layer;
        int d = theirs(direction);
        forEachParameter(
            layer,
            direction,
            (at, tensor, index) -> {
              double[] values = weights.of(tensor, l, d);
              flat[at] = values == null ? 0 : values[index];
            });
      }
    }
    return flat;
  }

  /** The ONNX tensor of one layer and direction from our flat parameters or their gradient. */
  double[] parameter(double[] flat, char tensor, int layer, int direction, int elements) {
    double[] values = new double[elements];
    forEachParameter(
        layer,
        ours(direction),
        (at, name, index) -> {
          if (name == tensor) {
            values[index] = flat[at];
          }
        });
    return values;
  }

  /** Our {@code [L·D,S,B,H]} from theirs, {@code [L·D,N,H]} each; null if both are. */
  double @Nullable [] state(double @Nullable [] h, double @Nullable [] c) {
    if (h == null && c == null) {
      return null;
    }
    double[] state = new double[(int) shape.stateElements()];
    int n = shape.batchSize() * shape.hiddenSize();
    double[][] parts = {h == null ? new double[0] : h, c == null ? new double[0] : c};
    for (int layer = 0; layer < layers; layer++) {
      for (int direction = 0; direction < directions; direction++) {
        for (int s = 0; s < cell.states(); s++) {
          int from = (layer * directions + direction) * n;
          int to = ((layer * shape.directions() + ours(direction)) * cell.states() + s) * n;
          if (parts[s].length > 0) {
            System.arraycopy(parts[s], from, state, to, n);
          }
        }
      }
    }
    return state;
  }

  /** State {@code s} (0: h, 1: c), {@code [L·D,N,H]}. */
  double[] stateOf(double[] state, int s) {
    int n = shape.batchSize() * shape.hiddenSize();
    double[] part = new double[layers * directions * n];
    for (int layer = 0; layer < layers; layer++) {
      for (int direction = 0; direction < directions; direction++) {
        int to = (layer * directions + direction) * n;
        int from = ((layer * shape.directions() + ours(direction)) * cell.states() + s) * n;
        System.arraycopy(state, from, part, to, n);
      }
    }
    return part;
  }

  /** Index in our {@code y [T,B,D·H]} of element {@code (t,d,n,j)}. */
  private int outputIndex(int t, int d, int n, int j) {
    int h = shape.hiddenSize();
    return (t * shape.batchSize() + n) * shape.outputSize() + ours(d) * h + j;
  }

  /** Their {@code Y [T,D,N,H]}. */
  double[] outputs(double[] y) {
    double[] result =
        new double[shape.timeSteps() * directions * shape.batchSize() * shape.hiddenSize()];
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
          for (int j = 0; j < shape.hiddenSize(); j++) {
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
      double @Nullable [] dy) {
    return new RnnProblem(
        shape,
        parameters,
        x,
        lengths,
        initialState,
        dy == null ? new double[(int) shape.outputElements()] : dy,
        new double[(int) shape.stateElements()],
        0,
        0,
        true);
  }
}
