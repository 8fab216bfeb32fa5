package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * A recurrent stack, apart from the shape of the batches it will see.
 *
 * @param cell the cell of every layer
 * @param inputSize {@code I}, the width of {@code x}
 * @param hiddenSize {@code H}, the units of one direction of one layer
 * @param layers {@code L}, layers stacked on each other
 * @param bidirectional whether a second direction reads each sequence from its end; outputs are
 *     concatenated
 * @param dropout probability of zeroing an element between two layers while training, in [0, 1)
 */
public record RnnSpec(
    CellType cell,
    int inputSize,
    int hiddenSize,
    int layers,
    boolean bidirectional,
    float dropout) {

  /** The most layers of a stack. */
  public static final int MOST_LAYERS = 1000;

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
    atLeastOne("hiddenSize", hiddenSize);
    if (!(dropout >= 0f && dropout < 1f)) {
      throw new IllegalArgumentException("dropout is " + dropout + "; needed 0 <= dropout < 1");
    }
    int gates = cell.gates();
    int directions = bidirectional ? 2 : 1;
    long width = Math.max(inputSize, (long) directions * hiddenSize);
    Sizes.product(
        "the rows times columns of a weight matrix", Integer.MAX_VALUE, gates, hiddenSize, width);
    Sizes.elements("all parameters", layers, directions, gates, hiddenSize, width + hiddenSize + 2);
  }

  /** One layer, one direction. */
  public static RnnSpec of(CellType cell, int inputSize, int hiddenSize) {
    return new RnnSpec(cell, inputSize, hiddenSize, 1, false, 0f);
  }

  /** The same with {@code layers} layers. */
  public RnnSpec withLayers(int layers) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, bidirectional, dropout);
  }

  /** The same in two directions. */
  public RnnSpec withBidirectional(boolean bidirectional) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, bidirectional, dropout);
  }

  /** The same with {@code dropout} between layers. */
  public RnnSpec withDropout(float dropout) {
    return new RnnSpec(cell, inputSize, hiddenSize, layers, bidirectional, dropout);
  }

  /** {@code D}: 1, or 2 if bidirectional. */
  public int directions() {
    return bidirectional ? 2 : 1;
  }

  /** {@code D·H}, the width of {@code y}. */
  public int outputSize() {
    return directions() * hiddenSize;
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
    return new ParameterLayout(cell, layers, directions(), inputSize, hiddenSize);
  }
}
