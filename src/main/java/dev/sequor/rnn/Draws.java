package dev.sequor.rnn;

import dev.sequor.backend.Philox;

/** The random numbers of one tensor, one after another: words 0, 1, 2, … of its Philox offset. */
public final class Draws {
  private final long seed;
  private final long tensor;
  private final int[] words = new int[4];
  private int block;
  private int used = 4;
  private double pending;
  private boolean hasPending;

  /**
   * Those of tensor number {@code tensor}.
   *
   * @param seed of all tensors of a model
   */
  public Draws(long seed, long tensor) {
    this.seed = seed;
    this.tensor = tensor;
  }

  private int word() {
    if (used == 4) {
      Philox.block(seed, Philox.Stream.INITIALIZER.number(), tensor, block++, words);
      used = 0;
    }
    return words[used++];
  }

  /** Uniform in [−bound, bound), 2⁻²³ of the bound apart. */
  public float uniform(double bound) {
    return (float) (bound * (2.0 * Philox.uniform(word()) - 1.0));
  }

  /**
   * Standard normal, by Box and Muller (1958). {@link StrictMath}, because the platform's own
   * functions may differ in the last bit from one JVM to the next.
   */
  public double normal() {
    if (hasPending) {
      hasPending = false;
      return pending;
    }
    double uniform = ((word() >>> 8) + 1) * 0x1p-24; // in (0, 1], so that the logarithm is finite
    double radius = StrictMath.sqrt(-2.0 * StrictMath.log(uniform));
    double angle = 2.0 * Math.PI * Philox.uniform(word());
    pending = radius * StrictMath.sin(angle);
    hasPending = true;
    return radius * StrictMath.cos(angle);
  }
}
