package dev.sequor.model;

/**
 * How the learning rate goes over a run: in {@value #STAGES} stages of as many steps, so that the
 * steps of one can be queued at once. The rate of a step is a pure function of its number and of
 * the steps of the run, so that a resumed run goes on as it would have.
 */
public enum RateSchedule {
  /** The same throughout. */
  CONSTANT {
    @Override
    double factor(long stage) {
      return 1;
    }
  },

  /** The same for the first half, and then in a straight line to nothing. */
  LINEAR {
    @Override
    double factor(long stage) {
      return Math.min(1, 2.0 * (STAGES - stage) / STAGES);
    }
  },

  /** Half a wave of the cosine, from all to nothing (Loshchilov and Hutter, arXiv:1608.03983). */
  COSINE {
    @Override
    double factor(long stage) {
      return 0.5 + 0.5 * StrictMath.cos(Math.PI * stage / STAGES);
    }
  };

  /** Stages of a run. */
  public static final int STAGES = 100;

  /** More steps than any device makes in a human life; their products still fit a long. */
  public static final long MOST_STEPS = 1_000_000_000_000L;

  /** What the rate is multiplied by; more than 0. */
  abstract double factor(long stage);

  /**
   * The learning rate of the update after {@code step} others.
   *
   * @param rate of the first
   * @param steps of the whole run; after them the rate stays that of the last
   * @throws IllegalArgumentException if a number of steps is out of range
   */
  public float rate(float rate, long step, long steps) {
    return (float) (rate * factor(stage(step, steps)));
  }

  /**
   * How many updates after {@code step} others have the same rate, up to the end of the run; at
   * least 1.
   *
   * @throws IllegalArgumentException if a number of steps is out of range
   */
  public long stepsAtSameRate(long step, long steps) {
    long stage = stage(step, steps);
    if (this == CONSTANT || stage == STAGES - 1) {
      return Math.max(1, steps - step);
    }
    // Up to the least n with n · STAGES / steps >= stage + 1.
    return ((stage + 1) * steps + STAGES - 1) / STAGES - step;
  }

  private static long stage(long step, long steps) {
    if (steps < 1 || steps > MOST_STEPS) {
      throw new IllegalArgumentException("steps is " + steps + "; needed 1 to " + MOST_STEPS);
    }
    if (step < 0 || step > MOST_STEPS) {
      throw new IllegalArgumentException("step is " + step + "; needed 0 to " + MOST_STEPS);
    }
    return Math.min(STAGES - 1, step * STAGES / steps);
  }
}
