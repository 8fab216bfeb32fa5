package dev.sequor.backend;

/**
 * In which order a recurrent layer reads the steps of a sequence; ONNX's attribute of this name.
 */
public enum Direction {
  /** From the first step to the last. */
  FORWARD(1),
  /**
   * From each sequence's own last step to its first; outputs stay at the steps that they are of.
   */
  REVERSE(1),
  /** Both, with weights of their own; outputs are concatenated, forward first. */
  BIDIRECTIONAL(2);

  private final int count;

  Direction(int count) {
    this.count = count;
  }

  /** {@code D}: 1, or 2 if bidirectional. */
  public int count() {
    return count;
  }

  /** Whether direction {@code index}, 0 to {@code D − 1}, reads from the end. */
  public boolean isReverse(int index) {
    return this == REVERSE || index == 1;
  }
}
