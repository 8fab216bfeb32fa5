package dev.sequor.exchange.onnx;

/**
 * How many numbers may be worked out while a file is read. A few nodes can ask for any number: one
 * repeats a zero, the next puts what came of it side by side with itself. So there are some for
 * every file, and more for one that has weights.
 */
final class Allowance {
  /** As much as a vocabulary's numbers, or a few vectors of its size, need. */
  private static final long FOR_EACH_FILE = 1 << 22;

  /** How often each weight may be handed on in another order; exporters do so four times. */
  private static final int FOR_EACH_WEIGHT = 16;

  /** How many numbers an entry of a list of sizes is as large as. */
  static final int EACH_SIZE = 4;

  /** How many multiplications take as long as keeping one number. */
  static final int PRODUCTS = 256;

  private final long weights;
  private long left = FOR_EACH_FILE;

  /**
   * That of a file.
   *
   * @param weights how many numbers it has
   */
  Allowance(long weights) {
    this.weights = weights;
  }

  /** The graph is translated, perhaps once more: its weights are taken up anew. */
  void begin() {
    left += FOR_EACH_WEIGHT * weights;
  }

  /**
   * Takes room for so many numbers.
   *
   * @throws IllegalArgumentException if there are not as many left
   */
  void take(long numbers) {
    if (numbers > left) {
      throw new IllegalArgumentException(
          "needs "
              + numbers
              + " numbers that are known before the graph runs; left are "
              + left
              + " for a file of "
              + weights
              + " weights");
    }
    left -= numbers;
  }
}
