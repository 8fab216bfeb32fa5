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
 * @param stretched whether the steps are queued in stretches that share one recording
 */
record LayerSizes(
    int timeSteps,
    int batchSize,
    int inputSize,
    int hiddenSize,
    int outputStride,
    boolean reverse,
    boolean training,
    boolean stretched) {
  /** Rows of whole 16-byte words in every operand type. */
  private static final int PADDING = 8;

  /**
   * Rows of an input product: enough to use the whole device, few enough that what is made of them
   * stays in its L2 cache until the steps read it.
   */
  private static final int CHUNK_ROWS = 8192;

  /**
   * Steps of a pass, over all layers and directions, that are recorded one by one at most. Each is
   * two nodes of a graph, or four, of some 10 KiB.
   */
  private static final int MOST_STEPS_RECORDED = 2048;

  /** Steps of a stretch at most. */
  private static final int STRETCH_STEPS = 256;

  static LayerSizes of(RnnShape shape, Mode mode, int layer, int direction) {
    long steps = (long) shape.layers() * shape.directions() * shape.timeSteps();
    return new LayerSizes(
        shape.timeSteps(),
        shape.batchSize(),
        shape.layerInputSize(layer),
        shape.hiddenSize(),
        shape.outputSize(),
        shape.isReverse(direction),
        mode == Mode.TRAINING,
        shape.timeSteps() > STRETCH_STEPS && steps > MOST_STEPS_RECORDED);
  }

  /**
   * Of the steps of a stretch as a sequence of its own, with a place for the state after the last
   * one: forward, its outputs by themselves.
   */
  LayerSizes ofStretch() {
    return new LayerSizes(
        chunkSteps() + 1, batchSize, inputSize, hiddenSize, hiddenSize, false, training, false);
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

  /** Time steps whose input products are made at once; those of a stretch. */
  int chunkSteps() {
    int most = stretched ? Math.min(timeSteps, STRETCH_STEPS) : timeSteps;
    return Math.max(1, Math.min(most, CHUNK_ROWS / batchSize));
  }

  /** Rows of such a chunk. */
  int chunkRows() {
    return chunkSteps() * batchSize;
  }
}
