package dev.sequor.rnn;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.RnnShape;

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

  /**
   * Checks each size.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public RnnSpec {
    new RnnShape(cell, layers, bidirectional ? 2 : 1, 1, 1, inputSize, hiddenSize, dropout);
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
    return new RnnShape(
        cell, layers, directions(), timeSteps, batchSize, inputSize, hiddenSize, dropout);
  }

  /** Where each parameter lies in the flat buffer. */
  public ParameterLayout parameterLayout() {
    return new ParameterLayout(cell, layers, directions(), inputSize, hiddenSize);
  }
}
