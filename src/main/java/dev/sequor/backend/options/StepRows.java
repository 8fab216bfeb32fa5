package dev.sequor.backend.options;

/**
 * Rows {@code [T,B,width]} of a sequence, by time or by step: step {@code k} is time {@code k}, or
 * from the end time {@code length − 1 − k}.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param width of a row
 * @param reverse whether steps are counted from each sequence's end
 * @param dropout the probability of zeroing an element {@code (b, j)} of all steps; 0 for none
 * @param stream added to the key's, for these numbers
 */
public record StepRows(
    int timeSteps, int batchSize, int width, boolean reverse, float dropout, int stream) {
  /** {@code T·B·width}. */
  public long elements() {
    return (long) timeSteps * batchSize * width;
  }
}
