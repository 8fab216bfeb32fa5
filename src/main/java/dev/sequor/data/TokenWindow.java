package dev.sequor.data;

import org.jspecify.annotations.Nullable;

/**
 * A window of tokens whose targets are tokens: language modelling ({@code targets} are the next
 * tokens), tagging, or classification.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param tokens {@code [T,B]}, time-major: element {@code t·B + b}
 * @param targets {@code [T,B]}, or {@code [B]} for models that read out the last step only;
 *     negative for "no target here"
 * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
 * @param resetState whether the sequences start here, from a zero state
 */
@SuppressWarnings("ArrayRecordComponent") // Windows are large and short-lived: no copies.
public record TokenWindow(
    int timeSteps,
    int batchSize,
    int[] tokens,
    int[] targets,
    int @Nullable [] lengths,
    boolean resetState)
    implements Window {

  /**
   * Checks the sizes of the arrays.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public TokenWindow(
      int timeSteps,
      int batchSize,
      int[] tokens,
      int[] targets,
      int @Nullable [] lengths,
      boolean resetState) {
    WindowShape.check(timeSteps, batchSize, lengths);
    if (tokens.length != timeSteps * batchSize) {
      throw new IllegalArgumentException(
          "tokens holds "
              + tokens.length
              + " elements; a window with T="
              + timeSteps
              + " B="
              + batchSize
              + " needs "
              + timeSteps * batchSize);
    }
    if (targets.length != timeSteps * batchSize && targets.length != batchSize) {
      throw new IllegalArgumentException(
          "targets holds "
              + targets.length
              + " elements; a window with T="
              + timeSteps
              + " B="
              + batchSize
              + " needs "
              + timeSteps * batchSize
              + ", or "
              + batchSize
              + " for the last step only");
    }
    this.timeSteps = timeSteps;
    this.batchSize = batchSize;
    this.tokens = tokens;
    this.targets = targets;
    this.lengths = lengths;
    this.resetState = resetState;
  }

  @Override
  public Values inputValues() {
    return new Values.Tokens(tokens);
  }

  @Override
  public Values targetValues() {
    return new Values.Tokens(targets);
  }
}
