package dev.sequor.task;

import dev.sequor.backend.Philox;

/** The random numbers of one example, one after another: words 0, 1, 2, … of its own offset. */
final class ExampleDraws {
  private final long seed;
  private final int stream;
  private final long example;
  private final int[] words = new int[4];
  private int drawn;

  /**
   * Before the first.
   *
   * @param example its number
   */
  ExampleDraws(long seed, int stream, long example) {
    this.seed = seed;
    this.stream = stream;
    this.example = example;
  }

  private int word() {
    if (drawn % 4 == 0) {
      Philox.block(seed, stream, example, drawn / 4, words);
    }
    return words[drawn++ % 4];
  }

  /** From 0 to {@code bound − 1}; none is favoured by more than one part in 2³²/bound. */
  int below(int bound) {
    return (int) ((Integer.toUnsignedLong(word()) * bound) >>> 32);
  }

  /** In [0, 1), a multiple of 2⁻²⁴. */
  float uniform() {
    return Philox.uniform(word());
  }

  /** True with probability {@code p}. */
  boolean chance(double p) {
    return uniform() < p;
  }

  /** So many of {@link #below}. */
  int[] below(int bound, int count) {
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = below(bound);
    }
    return values;
  }
}
