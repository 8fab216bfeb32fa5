package dev.sequor.backend;

/**
 * Where each parameter lies in the flat parameter buffer; the same on disk, host and device. One
 * block per layer and direction (block {@code layer·D + direction}), each {@code W[G·H,I] R[G·H,H]
 * bW[G·H] bR[G·H] p[P·H]} and then what {@link CellOptions} bring, in the order of {@link Kind};
 * row-major, gates in the order of {@link RnnSpec#gateNames()}.
 *
 * @param stack the stack
 */
public record ParameterLayout(RnnSpec stack) {

  /** A parameter of one block. */
  public enum Kind {
    /** Input weights {@code W [G·H,I]}. */
    INPUT_WEIGHTS,
    /** Recurrent weights {@code R [G·H,H]}; with a projection {@code [G·H,P]}. */
    RECURRENT_WEIGHTS,
    /** Input bias {@code bW [G·H]}. */
    INPUT_BIAS,
    /** Recurrent bias {@code bR [G·H]}. */
    RECURRENT_BIAS,
    /** Peephole weights {@code p [P·H]}; empty for cells without. */
    PEEPHOLES,
    /** The recurrent projection {@code W_p [P,H]}; empty without one. */
    PROJECTION,
    /** Gains {@code [G·H]} of the normalised {@code W x}; empty without layer normalisation. */
    INPUT_GAIN,
    /** Gains {@code [G·H]} of the normalised {@code R h}; empty without layer normalisation. */
    RECURRENT_GAIN,
    /** Gains {@code [H]} of an LSTM's normalised {@code c}; empty otherwise. */
    CELL_GAIN,
    /** Biases {@code [H]} of an LSTM's normalised {@code c}; empty otherwise. */
    CELL_BIAS;

    /** Whether it is a matrix rather than a vector. */
    public boolean isMatrix() {
      return this == INPUT_WEIGHTS || this == RECURRENT_WEIGHTS || this == PROJECTION;
    }
  }

  /**
   * The layout of a stack without options.
   *
   * @param cell the cell of every layer
   * @param layers {@code L}
   * @param directions {@code D}: 1 or 2
   * @param inputSize {@code I}
   * @param hiddenSize {@code H}
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public ParameterLayout(CellType cell, int layers, int directions, int inputSize, int hiddenSize) {
    this(new RnnSpec(cell, inputSize, hiddenSize, layers, RnnShape.isTwo(directions), 0f));
  }

  /** {@code L}. */
  public int layers() {
    return stack.layers();
  }

  /** {@code D}. */
  public int directions() {
    return stack.directions();
  }

  /** {@code H}. */
  public int hiddenSize() {
    return stack.hiddenSize();
  }

  private int layerInputSize(int layer) {
    return layer == 0 ? stack.inputSize() : stack.outputSize();
  }

  /** Rows of {@code kind}, 0 if the stack has none of it. */
  public int rows(Kind kind) {
    boolean norm = stack.options().layerNorm();
    return switch (kind) {
      case INPUT_WEIGHTS, RECURRENT_WEIGHTS, INPUT_BIAS, RECURRENT_BIAS ->
          stack.gates() * hiddenSize();
      case PEEPHOLES -> stack.peepholes() * hiddenSize();
      case PROJECTION -> stack.options().projectionSize();
      case INPUT_GAIN, RECURRENT_GAIN -> norm ? stack.gates() * hiddenSize() : 0;
      case CELL_GAIN, CELL_BIAS -> norm && stack.cell().states() == 2 ? hiddenSize() : 0;
    };
  }

  /** Columns of {@code kind} in {@code layer}; 1 for vectors. */
  public int columns(Kind kind, int layer) {
    return switch (kind) {
      case INPUT_WEIGHTS -> layerInputSize(layer);
      case RECURRENT_WEIGHTS -> stack.stateSize();
      case PROJECTION -> hiddenSize();
      case INPUT_BIAS, RECURRENT_BIAS, PEEPHOLES -> 1;
      case INPUT_GAIN, RECURRENT_GAIN, CELL_GAIN, CELL_BIAS -> 1;
    };
  }

  /** Elements of {@code kind} in {@code layer}. */
  public long elements(Kind kind, int layer) {
    return (long) rows(kind) * columns(kind, layer);
  }

  /** Where each parameter lies within a block of {@code layer}; all directions are alike. */
  public BlockLayout block(int layer) {
    return new BlockLayout(
        within(Kind.INPUT_WEIGHTS, layer),
        within(Kind.RECURRENT_WEIGHTS, layer),
        within(Kind.INPUT_BIAS, layer),
        within(Kind.RECURRENT_BIAS, layer),
        within(Kind.PEEPHOLES, layer),
        blockElements(layer));
  }

  /** First element of {@code kind} in a block of {@code layer}, from where the block starts. */
  public long within(Kind kind, int layer) {
    long before = 0;
    for (Kind each : Kind.values()) {
      if (each == kind) {
        break;
      }
      before += elements(each, layer);
    }
    return before;
  }

  /** Elements of one block of {@code layer}. */
  public long blockElements(int layer) {
    long sum = 0;
    for (Kind each : Kind.values()) {
      sum += elements(each, layer);
    }
    return sum;
  }

  /** First element of the block of {@code layer} and {@code direction}. */
  public long blockOffset(int layer, int direction) {
    // All layers above the first are alike, so no loop over them is needed.
    long below = layer == 0 ? 0 : blockElements(0) + (layer - 1) * blockElements(1);
    return directions() * below + direction * blockElements(layer);
  }

  /** First element of {@code kind} in the block of {@code layer} and {@code direction}. */
  public long offset(Kind kind, int layer, int direction) {
    return blockOffset(layer, direction) + within(kind, layer);
  }

  /** Elements of all blocks. */
  public long totalElements() {
    return blockOffset(layers(), 0);
  }
}
