package dev.sequor.backend.cuda;

import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnShape;

/**
 * The sizes of one direction of one layer on the device.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param inputSize {@code I}
 * @param hiddenSize {@code H}
 * @param outputStride elements from one row of {@code y} to the next
 * @param reverse whether it runs from each sequence's end to its start
 * @param training whether a backward pass follows
 */
record LayerSizes(
    int timeSteps,
    int batchSize,
    int inputSize,
    int hiddenSize,
    int outputStride,
    boolean reverse,
    boolean training) {
  /** Rows of whole 16-byte words in every operand type. */
  private static final int PADDING = 8;

  /**
   * Rows of an input product: enough to use the whole device, few enough that what is made of them
   * stays in its L2 cache until the steps read it.
   */
  private static final int CHUNK_ROWS = 8192;

  static LayerSizes of(RnnShape shape, Mode mode, int layer, int direction) {
    return new LayerSizes(
        shape.timeSteps(),
        shape.batchSize(),
        shape.layerInputSize(layer),
        shape.hiddenSize(),
        shape.outputSize(),
        shape.isReverse(direction),
        mode == Mode.TRAINING);
  }

  private static int padded(int units) {
    return (units + PADDING - 1) / PADDING * PADDING;
  }

  /** {@code Hp}, the hidden units rounded up. */
  int paddedHidden() {
    return padded(hiddenSize);
  }

  /** {@code Ip}, the inputs rounded up. */
  int paddedInput() {
    return padded(inputSize);
  }

  /** {@code B·Hp}, one state vector of the whole batch. */
  long stateElements() {
    return (long) batchSize * paddedHidden();
  }

  /** {@code T·B}. */
  long rows() {
    return (long) timeSteps * batchSize;
  }

  /** Time steps whose input products are made at once. */
  int chunkSteps() {
    return Math.max(1, Math.min(timeSteps, CHUNK_ROWS / batchSize));
  }

  /** Rows of such a chunk. */
  int chunkRows() {
    return chunkSteps() * batchSize;
  }
}
