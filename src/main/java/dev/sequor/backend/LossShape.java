package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * A loss over a padded, time-major batch of outputs {@code a [T,B,N]}.
 *
 * @param loss of one row
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param outputSize {@code N}
 */
public record LossShape(Loss loss, int timeSteps, int batchSize, int outputSize) {
  /** The most constants that a loss has. */
  public static final int MOST_CONSTANTS = 4;

  /**
   * Checks each size.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public LossShape {
    Required.present("loss", loss);
    if (loss.ofRow() != loss) {
      throw new IllegalArgumentException(
          loss + " was given to a backend; needed its loss alone, and weights of the rows");
    }
    atLeastOne("timeSteps", timeSteps);
    atLeastOne("batchSize", batchSize);
    atLeastOne("outputSize", outputSize);
    Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    Sizes.elements("outputs", timeSteps, batchSize, outputSize);
  }

  /** The formula. */
  public LossFunction function() {
    return loss.function();
  }

  long rows() {
    return (long) timeSteps * batchSize;
  }

  long outputElements() {
    return rows() * outputSize;
  }

  @Override
  public String toString() {
    return loss.function() + " with T=" + timeSteps + " B=" + batchSize + " N=" + outputSize;
  }
}
