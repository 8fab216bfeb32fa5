package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * The softmax of each row of {@code x [M,N]} (Bridle 1990): {@code y_j = e^(x_j − m) / Σ_k e^(x_k −
 * m)} with the row's largest element {@code m}, so that no power overflows. Or its logarithm,
 * {@code y_j = x_j − m − log Σ_k e^(x_k − m)}, which keeps the digits of small probabilities.
 *
 * @param rows {@code M}
 * @param width {@code N}
 * @param logarithm whether the result is the logarithms of the probabilities
 */
public record SoftmaxShape(int rows, int width, boolean logarithm) {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public SoftmaxShape {
    atLeastOne("rows", rows);
    atLeastOne("width", width);
    Sizes.elements("x", rows, width);
  }

  /** Of probabilities themselves. */
  public SoftmaxShape(int rows, int width) {
    this(rows, width, false);
  }

  long elements() {
    return (long) rows * width;
  }

  @Override
  public String toString() {
    return (logarithm ? "a log-softmax with M=" : "a softmax with M=") + rows + " N=" + width;
  }
}
