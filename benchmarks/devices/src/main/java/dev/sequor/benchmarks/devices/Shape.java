package dev.sequor.benchmarks.devices;

import com.fasterxml.jackson.annotation.JsonIgnore;

/**
 * The sizes of a workload; the input is as wide as the hidden state.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param hiddenSize {@code H}, and {@code I}
 */
record Shape(int timeSteps, int batchSize, int hiddenSize) {
  /** {@code T·B·H} at most, so that a tensor fits a Java array and a direct buffer. */
  private static final long MOST_ELEMENTS = Integer.MAX_VALUE / 8;

  Shape {
    if (timeSteps < 1 || batchSize < 1 || hiddenSize < 1) {
      throw new IllegalArgumentException(
          "shape T,B,H is "
              + timeSteps
              + ","
              + batchSize
              + ","
              + hiddenSize
              + "; needed at least 1 each");
    }
    double elements = (double) timeSteps * batchSize * hiddenSize;
    if (elements > MOST_ELEMENTS) {
      throw new IllegalArgumentException(
          "shape T,B,H is "
              + timeSteps
              + ","
              + batchSize
              + ","
              + hiddenSize
              + "; T·B·H needed to be at most "
              + MOST_ELEMENTS);
    }
  }

  /**
   * The inverse of {@link #toString()}; JMH splits parameters at commas, so {@code TxBxH} is read
   * too.
   *
   * @throws IllegalArgumentException if {@code text} is not three whole numbers
   */
  static Shape parse(String text) {
    String[] parts = text.strip().split("[,x]", -1);
    if (parts.length == 3) {
      try {
        return new Shape(
            Integer.parseInt(parts[0].strip()),
            Integer.parseInt(parts[1].strip()),
            Integer.parseInt(parts[2].strip()));
      } catch (NumberFormatException e) {
        // Reported below, with the form that was needed.
      }
    }
    throw new IllegalArgumentException(
        "shape '" + text + "' is not three whole numbers T,B,H; needed for example 128,32,512");
  }

  /** As JMH takes it. */
  @JsonIgnore
  String parameter() {
    return timeSteps + "x" + batchSize + "x" + hiddenSize;
  }

  /** {@code B·H}: what the processors of a device can share in one time step. */
  @JsonIgnore
  long batchTimesHidden() {
    return (long) batchSize * hiddenSize;
  }

  /** Elements of {@code x [T,B,H]}, and of {@code y}. */
  @JsonIgnore
  int sequenceElements() {
    return timeSteps * batchSize * hiddenSize;
  }

  /** What a call costs grows with {@code T·B·H²}. */
  @JsonIgnore
  double work() {
    return (double) sequenceElements() * hiddenSize;
  }

  @Override
  public String toString() {
    return timeSteps + "," + batchSize + "," + hiddenSize;
  }
}
