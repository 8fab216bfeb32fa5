package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * Everything that fixes the arithmetic of a recurrent stack over a padded batch.
 *
 * @param cell the cell of every layer
 * @param layers {@code L}, layers stacked on each other, at most {@value #MOST_LAYERS}
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
  /** The most layers of a stack. */
  public static final int MOST_LAYERS = 1000;

  /**
   * Checks each size, and the products of sizes: a weight matrix has at most 2³¹−1 elements, and so
   * has {@code [T,B]}; any other tensor has at most 2⁴⁰.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public RnnShape {
    Arguments.present("cell", cell);
    atLeastOne("layers", layers);
    if (layers > MOST_LAYERS) {
      throw new IllegalArgumentException("layers is " + layers + "; needed at most " + MOST_LAYERS);
    }
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
    // With these, neither an index into a matrix nor the bytes of all that a plan keeps overflow.
    int gates = cell.gates();
    long width = Math.max(inputSize, (long) directions * hiddenSize);
    Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    Sizes.product(
        "the rows times columns of a weight matrix", Integer.MAX_VALUE, gates, hiddenSize, width);
    Sizes.elements("all parameters", layers, directions, gates, hiddenSize, width + hiddenSize + 2);
    Sizes.elements("x", timeSteps, batchSize, inputSize);
    Sizes.elements("all states", layers, directions, timeSteps, batchSize, gates + 4L, hiddenSize);
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
