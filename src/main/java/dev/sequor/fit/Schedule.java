package dev.sequor.fit;

import dev.sequor.model.RateSchedule;

/**
 * How the learning rate goes over a fit: what it is multiplied by, as a pure function of the step,
 * so that a fit that goes on has the rates that it would have had.
 */
public interface Schedule {
  /**
   * The factor of one step.
   *
   * @param step 0 for the first of the fit
   * @param steps of the whole fit
   * @return finite and greater than 0
   */
  double factor(long step, long steps);

  /**
   * How many steps from {@code step} on have the same factor, at least 1: they may be queued at
   * once.
   */
  default long stepsAtSameFactor(long step, long steps) {
    return 1;
  }

  /**
   * Refuses a fit that is too short.
   *
   * @throws IllegalArgumentException if it is
   */
  default void requireFit(long steps) {}

  /** The same throughout. */
  static Schedule constant() {
    return new Course(RateSchedule.CONSTANT);
  }

  /** The same for the first half, and then in a straight line to nothing. */
  static Schedule linear() {
    return new Course(RateSchedule.LINEAR);
  }

  /** Half a wave of the cosine, from all to nothing. */
  static Schedule cosine() {
    return new Course(RateSchedule.COSINE);
  }

  /**
   * Falls by a factor now and then.
   *
   * @param every steps from one fall to the next, at least 1
   * @param factor greater than 0 and less than 1
   */
  static Schedule step(long every, double factor) {
    return new Fall(every, factor);
  }

  /**
   * Rises in a straight line over the first steps, and goes on as {@code this} does over the rest.
   *
   * @param steps at least 1, and less than the fit has
   */
  default Schedule after(long steps) {
    return new WarmUp(steps, this);
  }

  /** {@link #constant()} after so many steps of rising; see {@link #after}. */
  static Schedule warmUp(long steps) {
    return constant().after(steps);
  }

  /**
   * One of the shapes that are known by name.
   *
   * @param shape which
   */
  record Course(RateSchedule shape) implements Schedule {
    @Override
    public double factor(long step, long steps) {
      return shape.rate(1f, step, steps);
    }

    @Override
    public long stepsAtSameFactor(long step, long steps) {
      return shape.stepsAtSameRate(step, steps);
    }
  }

  /**
   * See {@link #step}.
   *
   * @param every steps from one fall to the next
   * @param factor of each
   */
  record Fall(long every, double factor) implements Schedule {
    /** The least that a rate falls to, of its first: nothing is learned any more by then. */
    private static final double LEAST = 1e-12;

    /**
     * Checks both numbers.
     *
     * @throws IllegalArgumentException naming the one that is out of range
     */
    public Fall {
      if (every < 1) {
        throw new IllegalArgumentException(
            "the rate falls every " + every + " steps; needed at least 1");
      }
      if (!(factor > 0 && factor < 1)) {
        throw new IllegalArgumentException(
            "the rate falls by the factor "
                + factor
                + "; needed one greater than 0 and less than 1");
      }
    }

    @Override
    public double factor(long step, long steps) {
      return Math.max(LEAST, StrictMath.pow(factor, (double) Math.floorDiv(step, every)));
    }

    @Override
    public long stepsAtSameFactor(long step, long steps) {
      return every - step % every;
    }
  }

  /**
   * See {@link #after}.
   *
   * @param rising its steps
   * @param then what follows
   */
  record WarmUp(long rising, Schedule then) implements Schedule {
    /**
     * Checks the number.
     *
     * @throws IllegalArgumentException if it is less than 1
     */
    public WarmUp {
      if (rising < 1) {
        throw new IllegalArgumentException(
            "the rate rises over " + rising + " steps; needed at least 1");
      }
    }

    @Override
    public double factor(long step, long steps) {
      return step < rising
          ? (step + 1.0) / (rising + 1.0) * then.factor(0, steps - rising)
          : then.factor(step - rising, steps - rising);
    }

    @Override
    public long stepsAtSameFactor(long step, long steps) {
      return step < rising ? 1 : then.stepsAtSameFactor(step - rising, steps - rising);
    }

    @Override
    public void requireFit(long steps) {
      if (rising >= steps) {
        throw new IllegalArgumentException(
            "the rate rises over " + rising + " steps; the fit has " + steps + " and needs more");
      }
      then.requireFit(steps - rising);
    }
  }
}
