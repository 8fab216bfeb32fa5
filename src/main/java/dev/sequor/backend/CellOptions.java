package dev.sequor.backend;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What may be changed inside a cell. {@link #NONE} changes nothing and costs nothing; a {@linkplain
 * #builder() builder} turns things on. They can be combined as the cell allows, see {@link
 * RnnSpec}.
 *
 * <p>Symbols as in {@link CellType}; in each step the order is: products (whose operand {@code h}
 * may be masked), normalisation, peepholes, clipping of what the gates' functions get, the cell's
 * equations, clipping of {@code c}, projection, zoneout.
 *
 * @param projectionSize {@code P}, the width of {@code h} of an LSTM with a recurrent projection
 *     {@code h' = W_p (o∘tanh c')} (Sak, Senior and Beaufays 2014; PyTorch's {@code proj_size}),
 *     less than {@code H}; 0 for none. {@code R} is {@code [G·H,P]} then, outputs have {@code P}
 *     columns, and in states {@code [L·D,S,B,H]} the last {@code H − P} columns of {@code h} are
 *     zero
 * @param layerNorm layer normalisation inside the cell (Ba, Kiros and Hinton, arXiv:1607.06450):
 *     {@code W x + bW} becomes {@code LN(W x)}, with a gain of its own and {@code bW} as its bias,
 *     and so {@code R h + bR}; an LSTM's {@code h'} is made of {@code LN(c')}. A GRU's reset and
 *     update gates are normalised together, its candidate by itself. {@code ε = 1e-5}
 * @param hiddenZoneout the probability that an element of {@code h} keeps its value of the step
 *     before (Krueger et al., arXiv:1606.01305) in training; in inference {@code h' ← ζ h + (1−ζ)
 *     h'}
 * @param cellZoneout the same of an LSTM's {@code c}; {@code h'} is made of the {@code c'} before
 *     it
 * @param recurrentDropConnect the probability of zeroing an element of {@code R}, the same elements
 *     in all steps of a call, in training (Merity, Keskar and Socher, arXiv:1708.02182)
 * @param inputDropout the probability of zeroing an element of the layer's input, the same elements
 *     in all steps of a sequence, in training (Gal and Ghahramani, arXiv:1512.05287)
 * @param recurrentDropout the same of the {@code h} that {@code R} is multiplied with
 * @param coupledGates whether an LSTM's forget gate is {@code f = 1 − i} (ONNX's {@code
 *     input_forget}); {@code W}, {@code R} and biases have no rows for it then
 * @param gateClip the functions of gates get what is clipped to {@code ±gateClip} (ONNX's {@code
 *     clip}); 0 for no clipping
 * @param cellClip an LSTM's {@code c'} is clipped to {@code ±cellClip}; 0 for no clipping
 * @param activations other functions than the cell's own, in ONNX's order: of an RNN {@code f} of
 *     h; of a GRU {@code f} of the gates and {@code g} of the candidate; of an LSTM {@code f} of
 *     the gates, {@code g} of the candidate and {@code h} of {@code c'}; empty for the cell's own
 */
public record CellOptions(
    int projectionSize,
    boolean layerNorm,
    float hiddenZoneout,
    float cellZoneout,
    float recurrentDropConnect,
    float inputDropout,
    float recurrentDropout,
    boolean coupledGates,
    float gateClip,
    float cellClip,
    List<GateFunction> activations) {

  /** {@code ε} of {@link #layerNorm()}. */
  public static final float NORM_EPSILON = 1e-5f;

  /** A cell as its equations are in {@link CellType}. */
  public static final CellOptions NONE =
      new CellOptions(0, false, 0f, 0f, 0f, 0f, 0f, false, 0f, 0f, List.of());

  /**
   * Checks each option by itself.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public CellOptions {
    if (projectionSize < 0) {
      throw new IllegalArgumentException(
          "projectionSize is " + projectionSize + "; needed at least 1, or 0 for none");
    }
    probability("hiddenZoneout", hiddenZoneout);
    probability("cellZoneout", cellZoneout);
    probability("recurrentDropConnect", recurrentDropConnect);
    probability("inputDropout", inputDropout);
    probability("recurrentDropout", recurrentDropout);
    limit("gateClip", gateClip);
    limit("cellClip", cellClip);
    for (GateFunction function : Required.present("activations", activations)) {
      Required.present("a function of activations", function);
    }
    activations = List.copyOf(activations);
  }

  private static void probability(String name, float p) {
    if (!(p >= 0f && p < 1f)) {
      throw new IllegalArgumentException(name + " is " + p + "; needed 0 <= " + name + " < 1");
    }
  }

  private static void limit(String name, float limit) {
    if (!(limit >= 0f && limit < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          name + " is " + limit + "; needed a number greater than 0, or 0 for no clipping");
    }
  }

  /** Nothing on yet. */
  public static Builder builder() {
    return NONE.toBuilder();
  }

  /** These, to be changed. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /** Collects options; {@link #build()} checks them. */
  public static final class Builder {
    private int projectionSize;
    private boolean layerNorm;
    private float hiddenZoneout;
    private float cellZoneout;
    private float recurrentDropConnect;
    private float inputDropout;
    private float recurrentDropout;
    private boolean coupledGates;
    private float gateClip;
    private float cellClip;
    private List<GateFunction> activations;

    private Builder(CellOptions from) {
      projectionSize = from.projectionSize;
      layerNorm = from.layerNorm;
      hiddenZoneout = from.hiddenZoneout;
      cellZoneout = from.cellZoneout;
      recurrentDropConnect = from.recurrentDropConnect;
      inputDropout = from.inputDropout;
      recurrentDropout = from.recurrentDropout;
      coupledGates = from.coupledGates;
      gateClip = from.gateClip;
      cellClip = from.cellClip;
      activations = from.activations;
    }

    /** See {@link CellOptions#projectionSize()}. */
    public Builder projectionSize(int size) {
      projectionSize = size;
      return this;
    }

    /** See {@link CellOptions#layerNorm()}. */
    public Builder layerNorm(boolean on) {
      layerNorm = on;
      return this;
    }

    /** See {@link CellOptions#hiddenZoneout()} and {@link CellOptions#cellZoneout()}. */
    public Builder zoneout(float hidden, float cell) {
      hiddenZoneout = hidden;
      cellZoneout = cell;
      return this;
    }

    /** See {@link CellOptions#recurrentDropConnect()}. */
    public Builder recurrentDropConnect(float p) {
      recurrentDropConnect = p;
      return this;
    }

    /** See {@link CellOptions#inputDropout()}. */
    public Builder inputDropout(float p) {
      inputDropout = p;
      return this;
    }

    /** See {@link CellOptions#recurrentDropout()}. */
    public Builder recurrentDropout(float p) {
      recurrentDropout = p;
      return this;
    }

    /** See {@link CellOptions#coupledGates()}. */
    public Builder coupledGates(boolean on) {
      coupledGates = on;
      return this;
    }

    /** See {@link CellOptions#gateClip()}. */
    public Builder gateClip(float limit) {
      gateClip = limit;
      return this;
    }

    /** See {@link CellOptions#cellClip()}. */
    public Builder cellClip(float limit) {
      cellClip = limit;
      return this;
    }

    /** See {@link CellOptions#activations()}. */
    public Builder activations(GateFunction... functions) {
      activations = Arrays.asList(Required.present("functions", functions).clone());
      return this;
    }

    /**
     * The options.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public CellOptions build() {
      return new CellOptions(
          projectionSize,
          layerNorm,
          hiddenZoneout,
          cellZoneout,
          recurrentDropConnect,
          inputDropout,
          recurrentDropout,
          coupledGates,
          gateClip,
          cellClip,
          activations);
    }
  }

  /** The options that are on. */
  @Override
  public String toString() {
    List<String> on = new ArrayList<>();
    note(on, "projectionSize", projectionSize, 0);
    note(on, "layerNorm", layerNorm, false);
    note(on, "hiddenZoneout", hiddenZoneout, 0f);
    note(on, "cellZoneout", cellZoneout, 0f);
    note(on, "recurrentDropConnect", recurrentDropConnect, 0f);
    note(on, "inputDropout", inputDropout, 0f);
    note(on, "recurrentDropout", recurrentDropout, 0f);
    note(on, "coupledGates", coupledGates, false);
    note(on, "gateClip", gateClip, 0f);
    note(on, "cellClip", cellClip, 0f);
    note(on, "activations", activations, List.of());
    return on.toString();
  }

  private static void note(List<String> on, String name, Object value, Object off) {
    if (!value.equals(off)) {
      on.add(name + "=" + value);
    }
  }

  /** Whether these change nothing. */
  public boolean changeNothing() {
    return equals(NONE);
  }

  /** Whether any of these draws random numbers in training. */
  public boolean drawNumbers() {
    return hiddenZoneout > 0
        || cellZoneout > 0
        || recurrentDropConnect > 0
        || inputDropout > 0
        || recurrentDropout > 0;
  }

  /**
   * Whether a step of the cell itself differs, in training or in inference, rather than only what
   * goes into it.
   */
  public boolean changeSteps(Mode mode) {
    return projectionSize > 0
        || layerNorm
        || hiddenZoneout > 0
        || cellZoneout > 0
        || coupledGates
        || gateClip > 0
        || cellClip > 0
        || !activations.isEmpty()
        || (mode == Mode.TRAINING && recurrentDropout > 0);
  }
}
