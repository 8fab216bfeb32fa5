package dev.sequor.backend;

import java.util.List;

/**
 * The recurrent cells. Symbols: {@code x} input, {@code h} hidden state, {@code c} cell state,
 * {@code σ} the logistic function, {@code ∘} the element-wise product. Gate rows are stacked in the
 * order given by {@link #gateNames()}, which is PyTorch's.
 */
public enum CellType {
  /**
   * {@code h' = W x + bW + R h + bR}. Linear: for state-space experiments, and for tests that want
   * exact integers.
   */
  RNN_LINEAR("rnn-linear", "h", 1, 0),
  /** {@code h' = tanh(W x + bW + R h + bR)} (Elman 1990). */
  RNN_TANH("rnn-tanh", "h", 1, 0),
  /** {@code h' = max(0, W x + bW + R h + bR)}. */
  RNN_RELU("rnn-relu", "h", 1, 0),
  /**
   * GRU with the reset gate before the recurrent product (Cho et al., arXiv:1406.1078v3; Keras
   * {@code reset_after=False}, ONNX {@code linear_before_reset=0}, its default): {@code r,z = σ(W x
   * + bW + R h + bR)}, {@code n = tanh(W_n x + bW_n + R_n (r∘h) + bR_n)}, {@code h' = (1−z)∘n +
   * z∘h}. Two dependent products a step.
   *
   * <p>Not PyTorch's {@code nn.GRU}: that is {@link #GRU_RESET_AFTER}, whose weights have the same
   * shapes and mean something else.
   */
  GRU_RESET_BEFORE("gru-reset-before", "rzn", 1, 0),
  /**
   * GRU with the reset gate after the recurrent product (PyTorch's {@code nn.GRU}, cuDNN, Keras'
   * default {@code reset_after=True}, ONNX {@code linear_before_reset=1}): {@code n = tanh(W_n x +
   * bW_n + r∘(R_n h + bR_n))}, otherwise as {@link #GRU_RESET_BEFORE}. One product a step.
   */
  GRU_RESET_AFTER("gru-reset-after", "rzn", 1, 0),
  /**
   * LSTM (Gers et al. 2000): {@code i,f,o = σ(W x + bW + R h + bR)}, {@code g = tanh(W_g x + bW_g +
   * R_g h + bR_g)}, {@code c' = f∘c + i∘g}, {@code h' = o∘tanh(c')}.
   */
  LSTM("lstm", "ifgo", 2, 0),
  /**
   * LSTM whose gates see {@code c} where they usually see {@code h}: {@code W x + bW + R c + bR}.
   */
  LSTM_CELL_RECURRENT("lstm-cell-recurrent", "ifgo", 2, 0),
  /**
   * LSTM whose gates also see the cell state: {@code i} and {@code f} see {@code p∘c}, {@code o}
   * sees {@code p∘c'}.
   */
  LSTM_PEEPHOLE("lstm-peephole", "ifgo", 2, 3);

  /** What {@link #GRU_RESET_BEFORE} was called before, and is in native code and kernels. */
  private static final String BARE_GRU = "gru";

  private final String id;
  private final String gateNames;
  private final int states;
  private final int peepholes;

  CellType(String id, String gateNames, int states, int peepholes) {
    this.id = id;
    this.gateNames = gateNames;
    this.states = states;
    this.peepholes = peepholes;
  }

  /** The name used on the command line, for example {@code gru-reset-after}. */
  public String id() {
    return id;
  }

  /** The name in native code and kernels. */
  public String nativeName() {
    return this == GRU_RESET_BEFORE ? BARE_GRU : id;
  }

  /** One letter per gate, in the order of the rows of {@code W}, {@code R} and the biases. */
  public String gateNames() {
    return gateNames;
  }

  /** {@code G}, the number of gate blocks in the weights. */
  public int gates() {
    return gateNames.length();
  }

  /** {@code S}, the number of state vectors: 1 ({@code h}) or 2 ({@code h}, {@code c}). */
  public int states() {
    return states;
  }

  /** {@code P}, the number of peephole vectors {@code [H]}, in the order i, f, o. */
  public int peepholes() {
    return peepholes;
  }

  /** The functions of its gates, in the order of {@link CellOptions#activations()}. */
  public List<GateFunction> functions() {
    return switch (this) {
      case RNN_LINEAR -> List.of(GateFunction.of(GateFunction.Kind.AFFINE));
      case RNN_TANH -> List.of(GateFunction.TANH);
      case RNN_RELU -> List.of(GateFunction.RELU);
      case GRU_RESET_BEFORE, GRU_RESET_AFTER -> List.of(GateFunction.SIGMOID, GateFunction.TANH);
      case LSTM, LSTM_CELL_RECURRENT, LSTM_PEEPHOLE ->
          List.of(GateFunction.SIGMOID, GateFunction.TANH, GateFunction.TANH);
    };
  }

  /**
   * The cell with this {@link #id()}; {@code gru}, as it was called before, is {@link
   * #GRU_RESET_BEFORE}.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public static CellType ofId(String id) {
    StringBuilder known = new StringBuilder();
    for (CellType cell : values()) {
      if (cell.id.equals(id) || cell.nativeName().equals(id)) {
        return cell;
      }
      known.append(known.length() == 0 ? "" : ", ").append(cell.id);
    }
    throw new IllegalArgumentException("unknown cell '" + id + "'; known cells: " + known);
  }
}
