package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * The largest element of each column of a sequence, over its steps: {@code y[b,j] = max_t x[t,b,j]}
 * of a padded, time-major batch {@code x [T,B,W]}. Of equal elements the first counts. A NaN counts
 * as larger than every number, so that it is not lost. A sequence without steps has no largest
 * element, and 0 in its place.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param width {@code W}; {@code T·B·W} is at most 2³¹−1, as elements have numbers
 */
public record MaximumShape(int timeSteps, int batchSize, int width) {
  /** The number of no element. */
  public static final int NONE = -1;

  /**
   * Checks each size.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public MaximumShape {
    atLeastOne("timeSteps", timeSteps);
    atLeastOne("batchSize", batchSize);
    atLeastOne("width", width);
    Sizes.product("timeSteps · batchSize · width", Integer.MAX_VALUE, timeSteps, batchSize, width);
  }

  /** The elements of {@code x}. */
  int inputElements() {
    return timeSteps * batchSize * width;
  }

  /** The elements of {@code y}. */
  public int outputElements() {
    return batchSize * width;
  }

  @Override
  public String toString() {
    return "a maximum over time with T=" + timeSteps + " B=" + batchSize + " W=" + width;
  }
}
