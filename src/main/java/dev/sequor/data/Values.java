package dev.sequor.data;

/**
 * What a {@link Window} carries at its positions: tokens or real vectors. The arrays are handed
 * over, not copied.
 */
public sealed interface Values {
  /** The length of the array. */
  int size();

  /**
   * Token identifiers, one a position.
   *
   * @param ids time-major, {@code [T,B]} or {@code [B]}
   */
  @SuppressWarnings("ArrayRecordComponent") // Windows are large and short-lived: no copies.
  record Tokens(int[] ids) implements Values {
    @Override
    public int size() {
      return ids.length;
    }
  }

  /**
   * Real vectors, one a position.
   *
   * @param values time-major, {@code [T,B,N]} or {@code [B,N]}, last axis contiguous
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Reals(float[] values) implements Values {
    @Override
    public int size() {
      return values.length;
    }
  }
}
