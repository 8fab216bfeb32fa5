package dev.sequor.backend;

/**
 * Which sequences of a batch another one is made of: those of one device of several that learn from
 * it together.
 *
 * @param first the number of the first in the whole batch, from 0
 * @param count how many there are, at least 1; 0 if the batch is {@link #WHOLE}
 * @param of sequences of the whole batch
 */
public record BatchPart(int first, int count, int of) {
  /** No part: the batch itself. */
  public static final BatchPart WHOLE = new BatchPart(0, 0, 0);

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if there are no such sequences
   */
  public BatchPart {
    boolean whole = first == 0 && count == 0 && of == 0;
    if (!whole && (first < 0 || count < 1 || first > of - count)) {
      throw new IllegalArgumentException(
          count + " sequences from number " + first + " on are no part of " + of);
    }
  }

  /**
   * The number of the first sequence of one part of several, if sequences are shared out in their
   * order, and as evenly as can be.
   *
   * @param part from 0; where it is {@code parts}, the number behind the last sequence
   */
  public static int first(int part, int parts, int sequences) {
    return (int) ((long) part * sequences / parts);
  }

  /** Whether it is no part. */
  public boolean isWhole() {
    return count == 0;
  }

  /**
   * The number that an element of the whole batch has which is number {@code index} here.
   *
   * @param width of rows {@code [..,B,width]}; 0 for elements that belong to no sequence
   */
  public long place(long index, int width) {
    if (count == 0 || width == 0) {
      return index;
    }
    long row = (long) count * width;
    return index + index / row * (of - count) * width + (long) first * width;
  }
}
