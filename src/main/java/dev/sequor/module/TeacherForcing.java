package dev.sequor.module;

import dev.sequor.backend.Required;

/**
 * With which probability a decoder in training is given the right token of the step before, rather
 * than its own prediction, at training step {@code i} (Bengio et al. 2015).
 *
 * @param decay how it falls
 * @param start the probability at first; 1 with {@link Decay#INVERSE_SIGMOID}
 * @param rate of the decay, see {@link Decay}
 * @param floor it falls no lower
 */
public record TeacherForcing(Decay decay, double start, double rate, double floor) {
  /** Ways to fall. */
  public enum Decay {
    /** {@code start}. */
    CONSTANT,
    /** {@code start − rate·i}, with a rate of at least 0. */
    LINEAR,
    /** {@code start·rateⁱ}, with a rate in (0, 1]. */
    EXPONENTIAL,
    /** {@code rate / (rate + exp(i/rate))}, with a rate of at least 1. */
    INVERSE_SIGMOID
  }

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public TeacherForcing {
    Required.present("decay", decay);
    requireProbability("start", start);
    requireProbability("floor", floor);
    boolean fits =
        switch (decay) {
          case CONSTANT, LINEAR -> rate >= 0 && rate < Double.POSITIVE_INFINITY;
          case EXPONENTIAL -> rate > 0 && rate <= 1;
          case INVERSE_SIGMOID -> rate >= 1 && rate < Double.POSITIVE_INFINITY;
        };
    if (!fits) {
      throw new IllegalArgumentException(
          "rate is "
              + rate
              + "; "
              + decay
              + " needs "
              + switch (decay) {
                case CONSTANT, LINEAR -> "at least 0";
                case EXPONENTIAL -> "0 < rate <= 1";
                case INVERSE_SIGMOID -> "at least 1";
              });
    }
    if (floor > start) {
      throw new IllegalArgumentException(
          "floor is " + floor + "; needed at most the start, " + start);
    }
  }

  private static void requireProbability(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 to 1");
    }
  }

  /** The right token always. */
  public static TeacherForcing always() {
    return constant(1);
  }

  /** The right token with one probability in all steps. */
  public static TeacherForcing constant(double probability) {
    return new TeacherForcing(Decay.CONSTANT, probability, 0, 0);
  }

  /** From 1 by {@code slope} a step to {@code floor}. */
  public static TeacherForcing linear(double slope, double floor) {
    return new TeacherForcing(Decay.LINEAR, 1, slope, floor);
  }

  /** {@code baseⁱ}, and no lower than {@code floor}. */
  public static TeacherForcing exponential(double base, double floor) {
    return new TeacherForcing(Decay.EXPONENTIAL, 1, base, floor);
  }

  /** {@code k / (k + exp(i/k))}, and no lower than {@code floor}. */
  public static TeacherForcing inverseSigmoid(double k, double floor) {
    return new TeacherForcing(Decay.INVERSE_SIGMOID, 1, k, floor);
  }

  /** Whether a decoder trained so sees predictions of its own. */
  public boolean samples() {
    return decay != Decay.CONSTANT || start < 1;
  }

  /** The probability at training step {@code step}, 0 for the first. */
  public double probability(long step) {
    double falling =
        switch (decay) {
          case CONSTANT -> start;
          case LINEAR -> start - rate * (double) step;
          case EXPONENTIAL -> start * StrictMath.pow(rate, (double) step);
          case INVERSE_SIGMOID -> rate / (rate + StrictMath.exp((double) step / rate));
        };
    return Math.min(1, Math.max(floor, falling));
  }
}
