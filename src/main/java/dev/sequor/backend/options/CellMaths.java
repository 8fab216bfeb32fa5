package dev.sequor.backend.options;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import java.util.List;

/**
 * What the element-wise maths of a cell with options depends on.
 *
 * @param family which equations
 * @param coupledGates whether {@code f = 1 − i}
 * @param peepholes how many peephole vectors there are
 * @param gateClip limit of what gates' functions get; 0 for none
 * @param cellClip limit of {@code c'}; 0 for none
 * @param functions one of an RNN, two of a GRU, three of an LSTM, see {@link
 *     CellOptions#activations()}
 */
public record CellMaths(
    Family family,
    boolean coupledGates,
    int peepholes,
    float gateClip,
    float cellClip,
    List<GateFunction> functions) {

  private static final int WORDS = 5 + 3 * 3;

  /** The kinds of equations; their numbers are those of options.h. */
  public enum Family {
    /** One gate, one function. */
    RNN(0),
    /** The reset gate before the second product. */
    GRU(1),
    /** The reset gate after the product. */
    GRU_RESET_AFTER(2),
    /** Gates i, f, g, o; or i, g, o if coupled. */
    LSTM(3);

    private final int number;

    Family(int number) {
      this.number = number;
    }

    static Family of(CellType cell) {
      return switch (cell) {
        case RNN_LINEAR, RNN_TANH, RNN_RELU -> RNN;
        case GRU_RESET_BEFORE -> GRU;
        case GRU_RESET_AFTER -> GRU_RESET_AFTER;
        case LSTM, LSTM_CELL_RECURRENT, LSTM_PEEPHOLE -> LSTM;
      };
    }

    /** Whether the candidate has products of its own. */
    public boolean isGru() {
      return this == GRU || this == GRU_RESET_AFTER;
    }
  }

  /** Copies the list. */
  public CellMaths {
    functions = List.copyOf(functions);
  }

  static CellMaths of(RnnSpec stack) {
    CellOptions options = stack.options();
    return new CellMaths(
        Family.of(stack.cell()),
        options.coupledGates(),
        stack.peepholes(),
        options.gateClip(),
        options.cellClip(),
        stack.functions());
  }

  /** Gate vectors that the first products are made for: of a GRU, r and z. */
  public int firstGates() {
    return switch (family) {
      case RNN -> 1;
      case GRU, GRU_RESET_AFTER -> 2;
      case LSTM -> coupledGates ? 3 : 4;
    };
  }

  /** The vectors that the candidate of a GRU keeps: with the reset gate after, R h as well. */
  public int keptOfCandidate() {
    return family == Family.GRU ? 1 : family == Family.GRU_RESET_AFTER ? 2 : 0;
  }

  /** As native code reads it: {@code struct OptionedCell} of options.h. */
  public int[] words() {
    int[] words = new int[WORDS];
    words[0] = family.number;
    words[1] = coupledGates ? 1 : 0;
    words[2] = peepholes;
    words[3] = Float.floatToRawIntBits(gateClip);
    words[4] = Float.floatToRawIntBits(cellClip);
    for (int i = 0; i < functions.size(); i++) {
      GateFunction function = functions.get(i);
      words[5 + 3 * i] = function.kind().number();
      words[6 + 3 * i] = Float.floatToRawIntBits(function.alpha());
      words[7 + 3 * i] = Float.floatToRawIntBits(function.beta());
    }
    return words;
  }
}
