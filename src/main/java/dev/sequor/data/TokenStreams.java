package dev.sequor.data;

/**
 * One long run of tokens as {@code B} parallel streams for truncated BPTT: the run is cut into
 * {@code B} pieces of equal length, and each window holds the next {@code T} steps of every piece,
 * so that a state carried from window to window always meets its own continuation. The target of a
 * token is the token after it.
 *
 * <p>Of {@code N} tokens each stream has {@code S = ⌊(N−1)/B⌋} steps and an epoch has {@code ⌊S/T⌋}
 * windows; what is left over at the end of every stream is not used.
 */
public final class TokenStreams implements WindowSource {
  private final int[] tokens;
  private final int batchSize;
  private final int timeSteps;
  private final int streamSteps;

  /**
   * Takes over {@code tokens [N]}, which nobody may change from here on.
   *
   * @param batchSize {@code B}
   * @param timeSteps {@code T}
   * @throws IllegalArgumentException if a size is less than 1, or N less than {@code B·T + 1}
   */
  public TokenStreams(int[] tokens, int batchSize, int timeSteps) {
    WindowShape.check(timeSteps, batchSize, null);
    long needed = (long) batchSize * timeSteps + 1;
    if (tokens.length < needed) {
      throw new IllegalArgumentException(
          "the text has "
              + tokens.length
              + " tokens; "
              + batchSize
              + " streams with sequences of "
              + timeSteps
              + " need at least "
              + needed);
    }
    this.tokens = tokens;
    this.batchSize = batchSize;
    this.timeSteps = timeSteps;
    this.streamSteps = (tokens.length - 1) / batchSize;
  }

  @Override
  public long windowsPerEpoch() {
    return windowsPerEpoch(tokens.length, batchSize, timeSteps);
  }

  /** The windows of one epoch over {@code tokens}: {@code ⌊⌊(N−1)/B⌋/T⌋}. */
  public static long windowsPerEpoch(int tokens, int batchSize, int timeSteps) {
    return (tokens - 1L) / batchSize / timeSteps;
  }

  /** Tokens predicted in one epoch: {@code windowsPerEpoch() · T · B}. */
  public long targetsPerEpoch() {
    return windowsPerEpoch() * timeSteps * batchSize;
  }

  /** The same in every epoch. */
  @Override
  public TokenWindow window(long epoch, long index) {
    if (index < 0 || index >= windowsPerEpoch()) {
      throw new IllegalArgumentException(
          "window " + index + " was asked for; needed 0 to " + (windowsPerEpoch() - 1));
    }
    int[] inputs = new int[timeSteps * batchSize];
    int[] targets = new int[timeSteps * batchSize];
    int first = Math.toIntExact(index) * timeSteps;
    for (int b = 0; b < batchSize; b++) {
      // N tokens fit an int, so no position in the run overflows one.
      int from = b * streamSteps + first;
      for (int t = 0; t < timeSteps; t++) {
        inputs[t * batchSize + b] = tokens[from + t];
        targets[t * batchSize + b] = tokens[from + t + 1];
      }
    }
    return new TokenWindow(timeSteps, batchSize, inputs, targets, null, index == 0);
  }
}
