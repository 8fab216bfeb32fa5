package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is timed, by Sequor and by {@code benchmarks/peers/cudnn.py} alike: a stack whose input is
 * as wide as its hidden state.
 *
 * @param pass {@link #FORWARD} (inference) or {@link #FORWARD_BACKWARD} (a training step's share)
 * @param mode what matrix products multiply: fp32, tf32, bf16 or fp16
 * @param variable whether the sequences' lengths differ, see {@link #lengths()}
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param hiddenSize {@code H}, and {@code I}
 */
record GridCase(
    CellType cell,
    String pass,
    String mode,
    int layers,
    int directions,
    boolean variable,
    int timeSteps,
    int batchSize,
    int hiddenSize) {
  static final String FORWARD = "forward";
  static final String FORWARD_BACKWARD = "forwardBackward";
  private static final String VARIABLE = "variable";
  private static final String PADDED = "padded";

  /** One line of a file of cases: {@link #toString()} of what is returned. */
  static GridCase parse(String line) {
    String[] words = line.trim().split("\\s+");
    if (words.length != 9) {
      throw new IllegalArgumentException("'" + line + "' has " + words.length + " words; needed 9");
    }
    return new GridCase(
        CellType.ofId(words[0]),
        words[1],
        words[2],
        Integer.parseInt(words[3]),
        Integer.parseInt(words[4]),
        words[5].equals(VARIABLE),
        Integer.parseInt(words[6]),
        Integer.parseInt(words[7]),
        Integer.parseInt(words[8]));
  }

  boolean training() {
    return pass.equals(FORWARD_BACKWARD);
  }

  RnnSpec spec() {
    return RnnSpec.of(cell, hiddenSize, hiddenSize)
        .withLayers(layers)
        .withBidirectional(directions == 2);
  }

  GridCase withTimeSteps(int steps) {
    return new GridCase(
        cell, pass, mode, layers, directions, variable, steps, batchSize, hiddenSize);
  }

  /** From near 0 to T in equal steps, in a mixed order; null if all are T. */
  int @Nullable [] lengths() {
    if (!variable) {
      return null;
    }
    int[] lengths = new int[batchSize];
    for (int b = 0; b < batchSize; b++) {
      int rank = b % 2 == 0 ? batchSize - b / 2 : b / 2 + 1; // the longest first
      lengths[b] = Math.max(1, (int) ((long) timeSteps * rank / batchSize));
    }
    return lengths;
  }

  /** Floating-point operations of the matrix products, padding included. */
  double flops() {
    double sum = 0;
    for (int layer = 0; layer < layers; layer++) {
      int input = layer == 0 ? hiddenSize : directions * hiddenSize;
      sum +=
          2.0
              * timeSteps
              * batchSize
              * cell.gates()
              * hiddenSize
              * (input + hiddenSize)
              * directions;
    }
    return training() ? 3 * sum : sum;
  }

  /**
   * Copies of the inputs that calls go round: 128 MiB of them, more than a device's second-level
   * cache, but at most as many as a plan keeps recordings for.
   */
  int copies() {
    long bytes = 4L * timeSteps * batchSize * hiddenSize;
    return (int) Math.min(8, 1 + (128L << 20) / bytes);
  }

  String shape() {
    return timeSteps + "," + batchSize + "," + hiddenSize;
  }

  @Override
  public String toString() {
    return String.join(
        " ",
        List.of(
            cell.id(),
            pass,
            mode,
            String.valueOf(layers),
            String.valueOf(directions),
            variable ? VARIABLE : PADDED,
            String.valueOf(timeSteps),
            String.valueOf(batchSize),
            String.valueOf(hiddenSize)));
  }
}
