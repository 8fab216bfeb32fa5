package dev.sequor.backend;

/**
 * Which random numbers a call takes: the {@link Philox} numbers of (seed, stream, offset). Calls
 * read it from memory of the device, so that a recorded step draws new numbers each time that
 * another key is among its inputs.
 *
 * @param seed of everything random in a training or in a sample
 * @param stream keeps different uses of one seed apart; stack layer {@code l} adds {@code l} to it
 * @param offset distinguishes calls, for example by the number of the training step
 * @param part the sequences of a batch that draw; each takes the numbers that it would take in the
 *     whole batch
 */
public record RandomKey(long seed, int stream, long offset, BatchPart part) {
  /** The INT32 elements of a key in memory. */
  public static final int ELEMENTS = 8;

  /** Checks that there is a part. */
  public RandomKey {
    Required.present("part", part);
  }

  /** Of a whole batch, or of none. */
  public RandomKey(long seed, int stream, long offset) {
    this(seed, stream, offset, BatchPart.WHOLE);
  }

  /**
   * As it lies in memory: seed and offset, the low word of each first, then the stream, and of the
   * part its sequences, those of the whole batch, and the first.
   */
  public int[] words() {
    return new int[] {
      (int) seed,
      (int) (seed >>> 32),
      (int) offset,
      (int) (offset >>> 32),
      stream,
      part.count(),
      part.of(),
      part.first()
    };
  }

  /** The key that {@code words} are. */
  public static RandomKey of(int[] words) {
    return new RandomKey(
        longOf(words[0], words[1]),
        words[4],
        longOf(words[2], words[3]),
        new BatchPart(words[7], words[5], words[6]));
  }

  private static long longOf(int low, int high) {
    return (long) high << 32 | (low & 0xFFFFFFFFL);
  }
}
