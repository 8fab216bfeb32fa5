package dev.sequor.backend.host;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The valid rows of a padded, time-major batch, in the order in which one direction of a layer
 * works through them.
 *
 * <p>Sequences are sorted by falling length, so that at processing step {@code k} the sequences
 * still running are the first {@code n(k)}, whatever order the caller's lengths have. The rows of
 * all steps, one step after the other, form the <i>compact</i> order: row {@code offset(k) + i} is
 * sequence {@code order[i]} at step {@code k}. The forward direction's step {@code k} is time
 * {@code k}; the reverse direction's is time {@code length − 1 − k}, so that every sequence starts
 * at its own last element. Padding is never touched by any arithmetic, and costs none.
 */
public final class SequenceRows {
  private final int timeSteps;
  private final int batchSize;
  private final boolean reverse;
  private final int[] order;
  private final int[] stepOffsets;
  private final int[] paddedRows;
  private final int[] padding;
  private final int[] sequenceLengths;
  private int steps;
  private boolean identity;

  /** Rows of a batch of {@code [timeSteps, batchSize]}; starts out without padding. */
  public SequenceRows(int timeSteps, int batchSize, boolean reverse) {
    this.timeSteps = timeSteps;
    this.batchSize = batchSize;
    this.reverse = reverse;
    this.order = new int[batchSize];
    this.stepOffsets = new int[timeSteps + 1];
    this.paddedRows = new int[timeSteps * batchSize];
    this.padding = new int[timeSteps * batchSize];
    this.sequenceLengths = new int[batchSize];
    update(null);
  }

  /**
   * Takes new lengths {@code [B]}, each 0…T; null when every sequence has T steps. Allocates
   * nothing.
   */
  public void update(int @Nullable [] lengths) {
    int longest = 0;
    boolean full = true;
    for (int b = 0; b < batchSize; b++) {
      int length = lengths == null ? timeSteps : lengths[b];
      assert length >= 0 && length <= timeSteps;
      sequenceLengths[b] = length;
      longest = Math.max(longest, length);
      full &= length == timeSteps;
    }
    steps = longest;
    identity = full && !reverse;
    sortByFallingLength();
    fillRows();
  }

  /** Counting sort by length, stable; {@link #stepOffsets} serves as the counters. */
  private void sortByFallingLength() {
    Arrays.fill(stepOffsets, 0);
    for (int length : sequenceLengths) {
      stepOffsets[timeSteps - length]++;
    }
    int start = 0;
    for (int i = 0; i <= timeSteps; i++) {
      int count = stepOffsets[i];
      stepOffsets[i] = start;
      start += count;
    }
    for (int b = 0; b < batchSize; b++) {
      order[stepOffsets[timeSteps - sequenceLengths[b]]++] = b;
    }
  }

  private void fillRows() {
    int row = 0;
    int running = batchSize;
    for (int k = 0; k < steps; k++) {
      while (sequenceLengths[order[running - 1]] <= k) {
        running--;
      }
      stepOffsets[k] = row;
      for (int i = 0; i < running; i++) {
        int b = order[i];
        int time = reverse ? sequenceLengths[b] - 1 - k : k;
        paddedRows[row++] = time * batchSize + b;
      }
    }
    for (int k = steps; k <= timeSteps; k++) {
      stepOffsets[k] = row;
    }
    int count = 0;
    for (int time = 0; time < timeSteps; time++) {
      for (int b = 0; b < batchSize; b++) {
        if (time >= sequenceLengths[b]) {
          padding[count++] = time * batchSize + b;
        }
      }
    }
    assert row + count == timeSteps * batchSize;
  }

  /** {@code K}, the number of processing steps: the longest length. */
  public int steps() {
    return steps;
  }

  /** First compact row of step {@code k}, for {@code k} = 0…K. */
  public int offset(int k) {
    return stepOffsets[k];
  }

  /** {@code n(k)}, the number of sequences that have a step {@code k}; 0 from K on. */
  public int count(int k) {
    return k < steps ? stepOffsets[k + 1] - stepOffsets[k] : 0;
  }

  /** {@code N}, the number of valid rows. */
  public int rows() {
    return stepOffsets[steps];
  }

  /** Whether compact and padded order are the same. */
  public boolean isIdentity() {
    return identity;
  }

  /**
   * {@code [B]}: the batch index of each sequence in processing order. Shared, not to be modified.
   */
  public int[] order() {
    return order;
  }

  /** {@code [K+1]} and more: {@link #offset} of every step. Shared, not to be modified. */
  public int[] offsets() {
    return stepOffsets;
  }

  /**
   * {@code [N]} and more: the row {@code t·B + b} of each compact row. Shared, not to be modified.
   */
  public int[] paddedRows() {
    return paddedRows;
  }

  /**
   * The first {@link #paddingCount()} are the rows {@code t·B + b} past a sequence's end. Shared,
   * not to be modified.
   */
  public int[] padding() {
    return padding;
  }

  /** Rows past a sequence's end. */
  public int paddingCount() {
    return timeSteps * batchSize - rows();
  }
}
