package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

import java.util.List;

/**
 * A recurrent stack, apart from the shape of the batches it will see.
 *
 * @param cell the cell of every layer
 * @param inputSize {@code I}, the width of {@code x}; at most 2³¹−8
 * @param hiddenSize {@code H}, the units of one direction of one layer
 * @param layers {@code L}, layers stacked on each other
 * @param direction in which order every layer reads the steps
 * @param dropout probability of zeroing an element between two layers while training, in [0, 1)
 * @param options what is changed inside the cell. Projection is of LSTMs whose {@code R} sees
 *     {@code h}; coupled gates, cell zoneout and cell clipping are of LSTMs
 */
public record RnnSpec(
    CellType cell,
    int inputSize,
    int hiddenSize,
    int layers,
    Direction direction,
    float dropout,
    CellOptions options) {

  /** The most layers of a stack. */
  public static final int MOST_LAYERS = 1000;

  /** Rounded up to whole 16-byte words of two-byte numbers, as a GPU keeps rows, it is an int. */
  private static final int MOST_INPUTS = Integer.MAX_VALUE - 7;

  /**
   * Checks each size, and the products of sizes: a weight matrix has at most 2³¹−1 elements, all of
   * them have at most 2⁴⁰.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public RnnSpec {
    Required.present("cell", cell);
    atLeastOne("layers", layers);
    if (layers > MOST_LAYERS) {
      throw new IllegalArgumentException("layers is " + layers + "; needed at most " + MOST_LAYERS);
    }
    atLeastOne("inputSize", inputSize);
    if (inputSize > MOST_INPUTS) {
      throw new IllegalArgumentException(
          "inputSize is " + inputSize + "; needed at most " + MOST_INPUTS);
    }
    atLeastOne("hiddenSize", hiddenSize);
    if (!(dropout >= 0f && dropout < 1f)) {
      throw new IllegalArgumentException("dropout is " + dropout + "; needed 0 <= dropout < 1");
    }
    Required.present("direction", direction);
    requireFitting(cell, hiddenSize, Required.present("options", options));
    int gates = cell.gates();
    int directions = direction.count();
    long width = Math.max(inputSize, (long) directions * hiddenSize);
    Sizes.product(
        "the rows times columns of a weight matrix", Integer.MAX_VALUE, gates, hiddenSize, width);
    Sizes.elements("all parameters", layers, directions, gates, hiddenSize, width + hiddenSize + 7);
  }

  private static void requireFitting(CellType cell, int hiddenSize, CellOptions options) {
    boolean lstm = cell.states() == 2;
    require(!options.coupledGates() || lstm, "coupledGates", cell, "an LSTM");
    require(options.cellZoneout() == 0 || lstm, "cellZoneout", cell, "an LSTM");
    require(options.cellClip() == 0 || lstm, "cellClip", cell, "an LSTM");
    int projection = options.projectionSize();
    require(
        projection == 0 || (lstm && cell != CellType.LSTM_CELL_RECURRENT),
        "projectionSize",
        cell,
        "an LSTM whose gates see h");
    if (projection >= hiddenSize && projection > 0) {
      throw new IllegalArgumentException(
          "projectionSize is " + projection + "; needed less than hiddenSize=" + hiddenSize);
    }
    int functions = cell.functions().size();
    if (!options.activations().isEmpty() && options.activations().size() != functions) {
      throw new IllegalArgumentException(
          "activations holds "
              + options.activations().size()
              + " functions; "
              + cell
              + " needs "
              + functions
              + ", or none for its own");
    }
  }

  private static void require(boolean fits, String option, CellType cell, String needed) {
    if (!fits) {
      throw new IllegalArgumentException(option + " is given with " + cell + "; needed " + needed);
    }
  }

  /** The same without options, in one direction or two. */
  public RnnSpec(
      CellType cell,
      int inputSize,
      int hiddenSize,
      int layers,
      boolean bidirectional,
      float dropout) {
    this(
        cell,
        inputSize,
        hiddenSize,
        layers,
        bidirectional ? Direction.BIDIRECTIONAL : Direction.FORWARD,
        dropout,
        CellOptions.NONE);
  }

  /** One layer, one direction. */
  public static RnnSpec of(CellType cell, int inputSize, int hiddenSize) {
    return new RnnSpec(cell, inputSize, hiddenSize, 1, false, 0f);
  }

  /** The same with {@code layers} layers. */
  public RnnSpec withLayers(int layers) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, direction, dropout, options);
  }

  /** The same in two directions, or one. */
  public RnnSpec withBidirectional(boolean bidirectional) {
    return withDirection(bidirectional ? Direction.BIDIRECTIONAL : Direction.FORWARD);
  }

  /** The same, reading in another order. */
  public RnnSpec withDirection(Direction direction) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, direction, dropout, options);
  }

  /** The same with {@code dropout} between layers. */
  public RnnSpec withDropout(float dropout) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, direction, dropout, options);
  }

  /** The same with other options of the cell. */
  public RnnSpec withOptions(CellOptions options) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, direction, dropout, options);
  }

  /** Whether a second direction reads each sequence from its end. */
  public boolean bidirectional() {
    return direction == Direction.BIDIRECTIONAL;
  }

  /** Whether a window may hold the next steps of the sequences of the one before. */
  public boolean canContinue() {
    return direction == Direction.FORWARD;
  }

  /**
   * One letter per gate, as {@link CellType#gateNames()}, without a forget gate that is coupled.
   */
  public String gateNames() {
    return options.coupledGates() ? cell.gateNames().replace("f", "") : cell.gateNames();
  }

  /** {@code G}, the number of gate blocks in the weights. */
  public int gates() {
    return gateNames().length();
  }

  /**
   * {@code P}, the number of peephole vectors, in the order i, f, o, without one that is coupled.
   */
  public int peepholes() {
    return options.coupledGates() ? Math.max(0, cell.peepholes() - 1) : cell.peepholes();
  }

  /** The width of {@code h}: {@code H}, or that of the projection. */
  public int stateSize() {
    return options.projectionSize() > 0 ? options.projectionSize() : hiddenSize;
  }

  /** What gates' functions are, in the order of {@link CellOptions#activations()}. */
  public List<GateFunction> functions() {
    return options.activations().isEmpty() ? cell.functions() : options.activations();
  }

  /** {@code D}: 1, or 2 if bidirectional. */
  public int directions() {
    return direction.count();
  }

  /** {@code D·H}, the width of {@code y}; with a projection {@code D·P}. */
  public int outputSize() {
    return directions() * stateSize();
  }

  /** How many streams of random numbers a call in training takes, from {@code dropoutKey} on. */
  public int randomStreams() {
    return RandomStreams.count(this);
  }

  /** Elements of a carried state {@code [L·D,S,B,H]}. */
  public long stateElements(int batchSize) {
    return (long) layers * directions() * cell.states() * batchSize * hiddenSize;
  }

  /** This stack over a padded batch {@code [T,B,·]}. */
  public RnnShape shape(int timeSteps, int batchSize) {
    return new RnnShape(this, timeSteps, batchSize);
  }

  /** Where each parameter lies in the flat buffer. */
  public ParameterLayout parameterLayout() {
    return new ParameterLayout(this);
  }
}
