package dev.sequor.data;

/**
 * One long run of tokens as {@code B} parallel streams for truncated BPTT: the run is cut into
 * {@code B} pieces of equal length, and each window holds the next {@code T} steps of every piece,
 * so that a state carried from window to window always meets its own continuation. The target of a
 * token is the token after it.
 *
 * <p>Of {@code N} tokens each stream has {@code S = ⌊(N−1)/B⌋} steps and an epoch has {@code ⌊S/T⌋}
 * windows; what is left over at the end of every stream is not used.
 *
 * <p>With fewer new steps than {@code T} the windows overlap (truncated BPTT of k₁ and k₂, Williams
 * and Peng 1990): window {@code n} ends with new steps {@code n·k₁} to {@code (n+1)·k₁ − 1}, whose
 * targets alone count, and begins {@code k₂ = T} steps before its end, or at the beginning of the
 * stream.
 */
public final class TokenStreams implements WindowSource {
  private final Tokens tokens;
  private final int batchSize;
  private final int timeSteps;
  private final int newSteps;
  private final long streamSteps;

  /**
   * Takes over {@code tokens [N]}, which nobody may change from here on.
   *
   * @param batchSize {@code B}
   * @param timeSteps {@code T}
   * @throws IllegalArgumentException if a size is less than 1, or N less than {@code B·T + 1}
   */
  public TokenStreams(int[] tokens, int batchSize, int timeSteps) {
    this(tokens, batchSize, timeSteps, timeSteps);
  }

  /**
   * Windows of tokens that need not be in memory.
   *
   * @param batchSize {@code B}
   * @param timeSteps {@code T}
   * @throws IllegalArgumentException if a size is less than 1, or N less than {@code B·T + 1}
   */
  public TokenStreams(Tokens tokens, int batchSize, int timeSteps) {
    this(tokens, batchSize, timeSteps, timeSteps);
  }

  /** The same with windows that overlap, of tokens in memory. */
  public TokenStreams(int[] tokens, int batchSize, int timeSteps, int newSteps) {
    this(Tokens.of(tokens), batchSize, timeSteps, newSteps);
  }

  /**
   * The same, with windows that overlap.
   *
   * @param timeSteps {@code k₂}, the steps that a gradient reaches back
   * @param newSteps {@code k₁}, the steps from one window to the next
   * @throws IllegalArgumentException if a size is less than 1, {@code newSteps} more than {@code
   *     timeSteps}, or N less than {@code B·k₁ + 1}
   */
  public TokenStreams(Tokens tokens, int batchSize, int timeSteps, int newSteps) {
    WindowShape.check(timeSteps, batchSize, null);
    if (newSteps < 1 || newSteps > timeSteps) {
      throw new IllegalArgumentException(
          "newSteps is " + newSteps + "; needed 1 to T=" + timeSteps);
    }
    long needed = (long) batchSize * newSteps + 1;
    if (tokens.size() < needed) {
      throw new IllegalArgumentException(
          "the text has "
              + tokens.size()
              + " tokens; "
              + batchSize
              + " streams with sequences of "
              + newSteps
              + " need at least "
              + needed);
    }
    this.tokens = tokens;
    this.batchSize = batchSize;
    this.timeSteps = timeSteps;
    this.newSteps = newSteps;
    this.streamSteps = (tokens.size() - 1) / batchSize;
  }

  @Override
  public long windowsPerEpoch() {
    return windowsPerEpoch(tokens.size(), batchSize, newSteps);
  }

  /** The windows of one epoch over {@code tokens}: {@code ⌊⌊(N−1)/B⌋/T⌋}, of T new steps. */
  public static long windowsPerEpoch(long tokens, int batchSize, int timeSteps) {
    return (tokens - 1) / batchSize / timeSteps;
  }

  /** Tokens predicted in one epoch: {@code windowsPerEpoch() · k₁ · B}. */
  public long targetsPerEpoch() {
    return windowsPerEpoch() * newSteps * batchSize;
  }

  /** The same in every epoch. */
  @Override
  public Window window(long epoch, long index) {
    if (index < 0 || index >= windowsPerEpoch()) {
      throw new IllegalArgumentException(
          "window " + index + " was asked for; needed 0 to " + (windowsPerEpoch() - 1));
    }
    long end = (index + 1) * newSteps;
    long first = Math.max(0, end - timeSteps);
    int steps = (int) (end - first);
    int[] run = new int[steps + 1];
    int[] inputs = new int[steps * batchSize];
    int[] targets = new int[steps * batchSize];
    for (int b = 0; b < batchSize; b++) {
      tokens.copy(b * streamSteps + first, run, 0, steps + 1);
      for (int t = 0; t < steps; t++) {
        inputs[t * batchSize + b] = run[t];
        targets[t * batchSize + b] = t < steps - newSteps ? -1 : run[t + 1];
      }
    }
    Window window = new TokenWindow(steps, batchSize, inputs, targets, null, index == 0);
    return newSteps == timeSteps
        ? window
        : window.overlapping((int) (Math.max(0, end + newSteps - timeSteps) - first));
  }
}
