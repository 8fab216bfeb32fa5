package dev.sequor.data;

import org.jspecify.annotations.Nullable;

/**
 * A window of any mixture: tokens or vectors in, tokens or vectors to predict. Whether the arrays
 * fit depends on the model, which checks them.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param inputValues tokens {@code [T,B]} or vectors {@code [T,B,I]}
 * @param targetValues tokens {@code [T,B]} or vectors {@code [T,B,N]}; without the {@code T} for
 *     models that read out the last step only, and with other steps in its place for models that
 *     bring the time axis of their outputs themselves
 * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
 * @param resetState whether the sequences start here, from a zero state
 */
@SuppressWarnings("ArrayRecordComponent") // Windows are large and short-lived: no copies.
public record SeriesWindow(
    int timeSteps,
    int batchSize,
    Values inputValues,
    Values targetValues,
    int @Nullable [] lengths,
    boolean resetState)
    implements Window {

  /**
   * Checks sizes and lengths.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public SeriesWindow(
      int timeSteps,
      int batchSize,
      Values inputValues,
      Values targetValues,
      int @Nullable [] lengths,
      boolean resetState) {
    WindowShape.check(timeSteps, batchSize, lengths);
    this.timeSteps = timeSteps;
    this.batchSize = batchSize;
    this.inputValues = inputValues;
    this.targetValues = targetValues;
    this.lengths = lengths;
    this.resetState = resetState;
  }
}
