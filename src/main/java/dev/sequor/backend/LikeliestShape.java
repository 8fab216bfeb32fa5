package dev.sequor.backend;

/**
 * The likeliest columns of each row of logits {@code [R,V]}, with their logarithms of the softmax.
 * {@code R·V} is at most 2²⁹−1.
 *
 * @param rows {@code R}
 * @param vocabularySize {@code V}
 * @param count how many of each row, 1…V
 */
public record LikeliestShape(int rows, int vocabularySize, int count) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public LikeliestShape {
    Sizes.atLeastOne("rows", rows);
    Sizes.atLeastOne("vocabularySize", vocabularySize);
    Sizes.atLeastOne("count", count);
    if (count > vocabularySize) {
      throw new IllegalArgumentException(
          "count is " + count + "; " + vocabularySize + " tokens need at most as many");
    }
    Sizes.product("rows · vocabularySize", Sizes.MOST_DECODED, rows, vocabularySize);
  }

  /** {@code R·V}. */
  public long logits() {
    return (long) rows * vocabularySize;
  }

  /** {@code R·count}. */
  public long results() {
    return (long) rows * count;
  }

  @Override
  public String toString() {
    return "the likeliest " + count + " of " + vocabularySize + " tokens in " + rows + " rows";
  }
}
