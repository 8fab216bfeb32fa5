package dev.sequor.data;

/**
 * A window of which the next one repeats some steps, see {@link Window#advance()}. That is for
 * truncated BPTT whose gradient reaches further back than to the last update: the repeated steps
 * have no targets in the next window.
 *
 * @param window inputs and targets
 * @param advance 0 to {@code T}
 */
public record OverlappingWindow(Window window, int advance) implements WindowWithMore {
  /**
   * Checks the steps.
   *
   * @throws IllegalArgumentException if they are not 0 to {@code T}
   */
  public OverlappingWindow {
    if (advance < 0 || advance > window.timeSteps()) {
      throw new IllegalArgumentException(
          "advance is " + advance + "; needed 0 to T=" + window.timeSteps());
    }
  }
}
