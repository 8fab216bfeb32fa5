package dev.sequor.backend;

/**
 * Everything that fixes the arithmetic of a recurrent stack over a padded batch.
 *
 * @param cell the cell of every layer
 * @param layers {@code L}, layers stacked on each other
 * @param directions {@code D}: 1, or 2 for a bidirectional stack whose directions are concatenated
 * @param timeSteps {@code T}, the padded length
 * @param batchSize {@code B}
 * @param inputSize {@code I}, the width of {@code x}
 * @param hiddenSize {@code H}, the units of one direction of one layer
 * @param dropout probability of zeroing an element between two layers while training, in [0, 1)
 */
public record RnnShape(
    CellType cell,
    int layers,
    int directions,
    int timeSteps,
    int batchSize,
    int inputSize,
    int hiddenSize,
    float dropout) {

  /**
   * Checks each size.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public RnnShape {
    atLeastOne("layers", layers);
    if (directions != 1 && directions != 2) {
      throw new IllegalArgumentException("directions is " + directions + "; needed 1 or 2");
    }
    atLeastOne("timeSteps", timeSteps);
    atLeastOne("batchSize", batchSize);
    atLeastOne("inputSize", inputSize);
    atLeastOne("hiddenSize", hiddenSize);
    if (!(dropout >= 0f && dropout < 1f)) {
      throw new IllegalArgumentException("dropout is " + dropout + "; needed 0 <= dropout < 1");
    }
    long rows = (long) timeSteps * batchSize;
    if (rows > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "timeSteps · batchSize is " + rows + "; needed at most " + Integer.MAX_VALUE);
    }
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 1");
    }
  }

  /** Elements of {@code x [T,B,I]}. */
  public long inputElements() {
    return (long) timeSteps * batchSize * inputSize;
  }

  /** {@code D·H}, the width of {@code y}. */
  public int outputSize() {
    return directions * hiddenSize;
  }

  /** Elements of {@code y [T,B,D·H]}. */
  public long outputElements() {
    return (long) timeSteps * batchSize * outputSize();
  }

  /** Elements of a state {@code [L·D,S,B,H]}. */
  public long stateElements() {
    return (long) layers * directions * cell.states() * batchSize * hiddenSize;
  }

  /** Input width of one layer: {@code I} for the first, {@code D·H} for the others. */
  public int layerInputSize(int layer) {
    return layer == 0 ? inputSize : outputSize();
  }

  /** The layout of the parameters of this stack. */
  public ParameterLayout parameterLayout() {
    return new ParameterLayout(cell, layers, directions, inputSize, hiddenSize);
  }
}
