package dev.sequor.benchmarks.accuracy;

import dev.sequor.backend.Philox;

/** An order of data that is another one each epoch. */
final class Shuffle {
  private static final int STREAM = 0x15b;

  private Shuffle() {}

  /** The numbers 0 to {@code count - 1}, in an order drawn from seed and epoch (Fisher–Yates). */
  static int[] order(int count, long seed, long epoch) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = i;
    }
    for (int i = count - 1; i > 0; i--) {
      int other = Math.floorMod(Philox.word(seed, STREAM, epoch, i), i + 1);
      int swapped = order[i];
      order[i] = order[other];
      order[other] = swapped;
    }
    return order;
  }
}
