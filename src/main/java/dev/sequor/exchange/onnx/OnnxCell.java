package dev.sequor.exchange.onnx;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a recurrent layer as ONNX has them and as a stack of one layer has them. ONNX's
 * gates stand in the order i, o, f, c of an LSTM and z, r, h of a GRU, peepholes in i, o, f, and
 * {@code B = [Wb|Rb]}; coupled gates have rows for both, those of f unused.
 */
final class OnnxCell {
  /**
   * The tensors of a layer.
   *
   * @param w {@code [D,G·H,I]}
   * @param r {@code [D,G·H,H]}
   * @param b {@code [D,2·G·H]}; null for zeros
   * @param p {@code [D,3·H]}; null if there are no peepholes
   */
  @SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
  record Tensors(float[] w, float[] r, float @Nullable [] b, float @Nullable [] p) {}

  private final RnnSpec stack;
  private final String gates;

  OnnxCell(RnnSpec stack) {
    this.stack = stack;
    this.gates = gates(stack.cell());
  }

  /** The gates of a cell in ONNX's order; by their letters here. */
  static String gates(CellType cell) {
    return switch (cell.gates()) {
      case 1 -> "h";
      case 3 -> "zrn";
      case 4 -> "iofg";
      default -> throw new IllegalArgumentException("ONNX has no cell like " + cell);
    };
  }

  /** Pairs rows of the one with rows of the other. */
  private interface Rows {
    void row(Kind kind, int direction, int ours, int theirs, int columns);
  }

  private void forEachRow(Rows rows) {
    ParameterLayout layout = stack.parameterLayout();
    int h = stack.hiddenSize();
    String peepholes = stack.options().coupledGates() ? "io" : "ifo";
    for (int d = 0; d < stack.directions(); d++) {
      for (Kind kind : Kind.values()) {
        String names = kind == Kind.PEEPHOLES ? peepholes : stack.gateNames();
        int count = layout.rows(kind);
        for (int row = 0; row < count; row++) {
          int gate = gates.indexOf(names.charAt(row / h));
          rows.row(kind, d, row, gate * h + row % h, layout.columns(kind, 0));
        }
      }
    }
  }

  /** The tensors of the stack's block, in its order. */
  List<float[]> ours(Tensors theirs) {
    ParameterLayout layout = stack.parameterLayout();
    float[] flat = new float[Math.toIntExact(layout.totalElements())];
    forEachRow(
        (kind, d, ours, row, columns) -> {
          int to = Math.toIntExact(layout.offset(kind, 0, d)) + ours * columns;
          float @Nullable [] from = from(theirs, kind);
          if (from != null) {
            System.arraycopy(from, place(kind, d, row, columns), flat, to, columns);
          }
        });
    List<float[]> tensors = new ArrayList<>();
    int at = 0;
    for (var region : dev.sequor.rnn.Parameters.regions(layout)) {
      int count = Math.toIntExact(region.elements());
      tensors.add(java.util.Arrays.copyOfRange(flat, at, at + count));
      at += count;
    }
    return tensors;
  }

  /** The inverse of {@link #ours}. */
  Tensors theirs(List<float[]> ours) {
    int directions = stack.directions();
    int rows = gates.length() * stack.hiddenSize();
    boolean peepholes = stack.cell() == CellType.LSTM_PEEPHOLE;
    Tensors theirs =
        new Tensors(
            new float[directions * rows * stack.inputSize()],
            new float[directions * rows * stack.hiddenSize()],
            new float[directions * 2 * rows],
            peepholes ? new float[directions * 3 * stack.hiddenSize()] : null);
    ParameterLayout layout = stack.parameterLayout();
    float[] flat = new float[Math.toIntExact(layout.totalElements())];
    int at = 0;
    for (float[] tensor : ours) {
      System.arraycopy(tensor, 0, flat, at, tensor.length);
      at += tensor.length;
    }
    forEachRow(
        (kind, d, row, their, columns) -> {
          int from = Math.toIntExact(layout.offset(kind, 0, d)) + row * columns;
          float @Nullable [] to = from(theirs, kind);
          if (to != null) {
            System.arraycopy(flat, from, to, place(kind, d, their, columns), columns);
          }
        });
    return theirs;
  }

  private static float @Nullable [] from(Tensors tensors, Kind kind) {
    return switch (kind) {
      case INPUT_WEIGHTS -> tensors.w();
      case RECURRENT_WEIGHTS -> tensors.r();
      case INPUT_BIAS, RECURRENT_BIAS -> tensors.b();
      case PEEPHOLES -> tensors.p();
      default -> throw new IllegalArgumentException("ONNX has no " + kind);
    };
  }

  /** Where a row of theirs begins. */
  private int place(Kind kind, int direction, int row, int columns) {
    int rows = gates.length() * stack.hiddenSize();
    return switch (kind) {
      case INPUT_BIAS -> direction * 2 * rows + row;
      case RECURRENT_BIAS -> (direction * 2 + 1) * rows + row;
      case PEEPHOLES -> direction * 3 * stack.hiddenSize() + row;
      default -> (direction * rows + row) * columns;
    };
  }
}
