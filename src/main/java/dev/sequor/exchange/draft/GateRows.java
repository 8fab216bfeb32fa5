package dev.sequor.exchange.draft;

import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The weights of one direction of a recurrent layer, its gates in whatever order a library has
 * them.
 *
 * @param gates one letter per gate, in the order of the rows; letters as in {@link
 *     dev.sequor.backend.CellType#gateNames()}
 * @param input {@code [G·H,I]}, row-major
 * @param recurrent {@code [G·H,H]}, row-major
 * @param inputBias {@code [G·H]}; null for zeros
 * @param recurrentBias {@code [G·H]}; null for zeros
 * @param peepholes {@code [3·H]}, in the order i, f, o; null if the cell has none
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
public record GateRows(
    String gates,
    float[] input,
    float[] recurrent,
    float @Nullable [] inputBias,
    float @Nullable [] recurrentBias,
    float @Nullable [] peepholes) {

  /**
   * The tensors of the block of a stack of one layer, in its order.
   *
   * @param directions as many as the stack has
   * @throws IllegalArgumentException if a tensor has another size than the stack needs
   */
  public static List<float[]> block(RnnSpec stack, List<GateRows> directions) {
    ParameterLayout layout = stack.parameterLayout();
    List<float[]> tensors = new ArrayList<>();
    for (GateRows rows : directions) {
      for (Kind kind : Kind.values()) {
        if (layout.elements(kind, 0) > 0) {
          tensors.add(rows.tensor(kind, stack, layout.columns(kind, 0)));
        }
      }
    }
    return tensors;
  }

  private float @Nullable [] theirs(Kind kind) {
    return switch (kind) {
      case INPUT_WEIGHTS -> input;
      case RECURRENT_WEIGHTS -> recurrent;
      case INPUT_BIAS -> inputBias;
      case RECURRENT_BIAS -> recurrentBias;
      case PEEPHOLES -> peepholes;
      default -> throw new IllegalArgumentException("there is no " + kind + " to take");
    };
  }

  private float[] tensor(Kind kind, RnnSpec stack, int columns) {
    String names = kind == Kind.PEEPHOLES ? "ifo" : stack.gateNames();
    String order = kind == Kind.PEEPHOLES ? names : gates;
    int each = stack.hiddenSize() * columns;
    float[] ours = new float[names.length() * each];
    float @Nullable [] theirs = theirs(kind);
    if (theirs == null) {
      return ours;
    }
    if (theirs.length != ours.length) {
      throw new IllegalArgumentException(
          kind.name().toLowerCase(Locale.ROOT)
              + " has "
              + theirs.length
              + " numbers; needed "
              + ours.length);
    }
    for (int gate = 0; gate < names.length(); gate++) {
      int from = order.indexOf(names.charAt(gate));
      System.arraycopy(theirs, from * each, ours, gate * each, each);
    }
    return ours;
  }

  /** A matrix of {@code rows} with its rows as columns. */
  public static float[] transposed(float[] matrix, int rows) {
    int columns = matrix.length / rows;
    float[] transposed = new float[matrix.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        transposed[column * rows + row] = matrix[row * columns + column];
      }
    }
    return transposed;
  }
}
