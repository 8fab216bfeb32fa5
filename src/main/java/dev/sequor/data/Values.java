package dev.sequor.data;

import org.jspecify.annotations.Nullable;

/**
 * What a {@link Window} carries: tokens or real vectors at its positions, or sequences of labels
 * that have positions of their own. The arrays are handed over, not copied.
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

  /**
   * Sequences of labels, one a sequence of the batch, for targets that say what comes in which
   * order, but not when.
   *
   * @param longest {@code S}, the padded length, at least 0
   * @param ids label-major, {@code [S,B]}: label {@code i} of sequence {@code b} at {@code i·B +
   *     b}; past a sequence's end anything
   * @param lengths {@code [B]}, how many labels each has, 0…S; negative for no target
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Labels(int longest, int[] ids, int[] lengths) implements Values {
    /**
     * Checks sizes and lengths.
     *
     * @throws IllegalArgumentException naming the first that does not fit
     */
    public Labels {
      if (longest < 0) {
        throw new IllegalArgumentException("longest is " + longest + "; needed at least 0");
      }
      if (ids.length != (long) longest * lengths.length) {
        throw new IllegalArgumentException(
            "ids holds "
                + ids.length
                + " elements; S="
                + longest
                + " B="
                + lengths.length
                + " needs "
                + (long) longest * lengths.length);
      }
      for (int b = 0; b < lengths.length; b++) {
        if (lengths[b] > longest) {
          throw new IllegalArgumentException(
              "the labels' lengths["
                  + b
                  + "] is "
                  + lengths[b]
                  + "; needed 0 to S="
                  + longest
                  + ", or a negative number for no target");
        }
      }
    }

    /**
     * The same, of one array a sequence.
     *
     * @param sequences {@code B} of them, any of which may be empty; null for no target
     */
    public static Labels of(int[] @Nullable ... sequences) {
      int longest = 0;
      for (int[] sequence : sequences) {
        longest = Math.max(longest, sequence == null ? 0 : sequence.length);
      }
      int batchSize = sequences.length;
      int[] ids = new int[Math.multiplyExact(longest, batchSize)];
      int[] lengths = new int[batchSize];
      for (int b = 0; b < batchSize; b++) {
        int[] sequence = sequences[b];
        lengths[b] = sequence == null ? -1 : sequence.length;
        for (int i = 0; i < lengths[b]; i++) {
          ids[i * batchSize + b] = sequence[i];
        }
      }
      return new Labels(longest, ids, lengths);
    }

    /** The labels of sequence {@code b}, a copy; null if it has no target. */
    public int @Nullable [] of(int b) {
      if (lengths[b] < 0) {
        return null;
      }
      int[] sequence = new int[lengths[b]];
      for (int i = 0; i < sequence.length; i++) {
        sequence[i] = ids[i * lengths.length + b];
      }
      return sequence;
    }

    @Override
    public int size() {
      return ids.length;
    }
  }
}
