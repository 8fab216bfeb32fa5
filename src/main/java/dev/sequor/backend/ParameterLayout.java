package dev.sequor.backend;

/**
 * Where each parameter lies in the flat parameter buffer; the same on disk, host and device. One
 * block per layer and direction (block {@code layer·D + direction}), each {@code W[G·H,I] R[G·H,H]
 * bW[G·H] bR[G·H] p[P·H]}, row-major, gates in the order of {@link CellType#gateNames()}.
 */
public record ParameterLayout(
    CellType cell, int layers, int directions, int inputSize, int hiddenSize) {

  /** A parameter of one block. */
  public enum Kind {
    /** Input weights {@code W [G·H,I]}. */
    INPUT_WEIGHTS,
    /** Recurrent weights {@code R [G·H,H]}. */
    RECURRENT_WEIGHTS,
    /** Input bias {@code bW [G·H]}. */
    INPUT_BIAS,
    /** Recurrent bias {@code bR [G·H]}. */
    RECURRENT_BIAS,
    /** Peephole weights {@code p [P·H]}; empty for cells without. */
    PEEPHOLES
  }

  private int layerInputSize(int layer) {
    return layer == 0 ? inputSize : directions * hiddenSize;
  }

  /** Rows of {@code kind}: {@code G·H} or {@code P·H}. */
  public int rows(Kind kind) {
    return (kind == Kind.PEEPHOLES ? cell.peepholes() : cell.gates()) * hiddenSize;
  }

  /** Columns of {@code kind} in {@code layer}; 1 for vectors. */
  public int columns(Kind kind, int layer) {
    return switch (kind) {
      case INPUT_WEIGHTS -> layerInputSize(layer);
      case RECURRENT_WEIGHTS -> hiddenSize;
      case INPUT_BIAS, RECURRENT_BIAS, PEEPHOLES -> 1;
    };
  }

  /** Elements of {@code kind} in {@code layer}. */
  public long elements(Kind kind, int layer) {
    return (long) rows(kind) * columns(kind, layer);
  }

  /** Where each parameter lies within a block of {@code layer}; all directions are alike. */
  public BlockLayout block(int layer) {
    long recurrentWeights = elements(Kind.INPUT_WEIGHTS, layer);
    long inputBias = recurrentWeights + elements(Kind.RECURRENT_WEIGHTS, layer);
    long recurrentBias = inputBias + elements(Kind.INPUT_BIAS, layer);
    long peepholes = recurrentBias + elements(Kind.RECURRENT_BIAS, layer);
    long elements = peepholes + elements(Kind.PEEPHOLES, layer);
    return new BlockLayout(0, recurrentWeights, inputBias, recurrentBias, peepholes, elements);
  }

  /** Elements of one block of {@code layer}. */
  public long blockElements(int layer) {
    return block(layer).elements();
  }

  /** First element of the block of {@code layer} and {@code direction}. */
  public long blockOffset(int layer, int direction) {
    // All layers above the first are alike, so no loop over them is needed.
    long below = layer == 0 ? 0 : blockElements(0) + (layer - 1) * blockElements(1);
    return directions * below + direction * blockElements(layer);
  }

  /** First element of {@code kind} in the block of {@code layer} and {@code direction}. */
  public long offset(Kind kind, int layer, int direction) {
    return blockOffset(layer, direction) + block(layer).offset(kind);
  }

  /** Elements of all blocks. */
  public long totalElements() {
    return blockOffset(layers, 0);
  }
}
