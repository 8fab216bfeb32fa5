package dev.sequor.data;

import dev.sequor.backend.Philox;

/** Orders that are drawn anew for every epoch, each a pure function of seed and epoch. */
final class EpochOrder {
  private EpochOrder() {}

  /** Uniform in 0 … below − 1; the multiply-shift draw favours none by more than below / 2³². */
  static long drawn(long seed, long epoch, long index, long below) {
    long word =
        Integer.toUnsignedLong(Philox.word(seed, Philox.Stream.SHUFFLE.number(), epoch, index));
    return (word * below) >>> 32;
  }

  /** Puts numbers into the order of an epoch (Fisher–Yates). */
  static void shuffle(int[] numbers, long seed, long epoch) {
    for (int i = numbers.length - 1; i > 0; i--) {
      int other = (int) drawn(seed, epoch, i, i + 1L);
      int kept = numbers[i];
      numbers[i] = numbers[other];
      numbers[other] = kept;
    }
  }
}
