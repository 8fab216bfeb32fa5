package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * Layer normalisation of rows (Ba, Kiros and Hinton, arXiv:1607.06450): {@code y = gain ∘ (x − μ) /
 * √(σ² + ε) + bias}, where {@code μ} and {@code σ²} are the mean and the variance of a row.
 *
 * @param rows {@code M}, the rows of {@code x} and {@code y}
 * @param width {@code N}, the elements of a row
 * @param epsilon {@code ε}, greater than 0
 */
public record NormShape(int rows, int width, float epsilon) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public NormShape {
    atLeastOne("rows", rows);
    atLeastOne("width", width);
    Sizes.elements("x", rows, width);
    Sizes.product("2 · width", Integer.MAX_VALUE, 2, width);
    if (!(epsilon > 0f && epsilon < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "epsilon is " + epsilon + "; needed a finite number greater than 0");
    }
  }

  long elements() {
    return (long) rows * width;
  }

  long parameterElements() {
    return 2L * width;
  }

  /** Elements of what forward keeps for backward {@code [M,2]}. */
  public long savedElements() {
    return 2L * rows;
  }

  @Override
  public String toString() {
    return "a normalisation with M=" + rows + " N=" + width;
  }
}
