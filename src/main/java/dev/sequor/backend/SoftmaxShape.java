package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * The softmax of each row of {@code x [M,N]} (Bridle 1990): {@code y_j = e^(x_j − m) / Σ_k e^(x_k −
 * m)} with the row's largest element {@code m}, so that no power overflows.
 *
 * @param rows {@code M}
 * @param width {@code N}
 */
public record SoftmaxShape(int rows, int width) {
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

  long elements() {
    return (long) rows * width;
  }

  @Override
  public String toString() {
    return "a softmax with M=" + rows + " N=" + width;
  }
}
