package dev.sequor.backend;

import java.util.List;

/**
 * The numbers of one update of all parameters: clip, then step. They are data on the device ({@link
 * #values()}), so that a recorded step sees each update's own.
 *
 * @param rule the update rule
 * @param step {@code t}, 1 for the first update
 * @param learningRate {@code lr}
 * @param clipNorm scale the whole gradient so that its Euclidean norm is at most this (Pascanu et
 *     al. 2013); 0 for no clipping
 * @param clipValue after that, clamp each element to ±this; 0 for no clipping
 * @param constants as many as the rule has, in the order that {@link UpdateRule} gives
 */
public record OptimizerStep(
    UpdateRule rule,
    long step,
    float learningRate,
    float clipNorm,
    float clipValue,
    List<Float> constants) {
  /** Where {@link #step()} lies in {@link #values()}. */
  public static final int STEP = 0;

  /** Where {@link #learningRate()} lies. */
  public static final int LEARNING_RATE = 1;

  /** Where {@link #clipNorm()} lies. */
  public static final int CLIP_NORM = 2;

  /** Where {@link #clipValue()} lies. */
  public static final int CLIP_VALUE = 3;

  /** Where the first of {@link #constants()} lies; the others follow. */
  public static final int CONSTANTS = 4;

  /** The FLOAT32 elements of an update's numbers in memory. */
  public static final int ELEMENTS = CONSTANTS + UpdateRule.MOST_CONSTANTS;

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public OptimizerStep {
    Required.present("rule", rule);
    if (step < 1) {
      throw new IllegalArgumentException("step is " + step + "; needed at least 1");
    }
    atLeastZero("learningRate", learningRate);
    atLeastZero("clipNorm", clipNorm);
    atLeastZero("clipValue", clipValue);
    constants = List.copyOf(Required.present("constants", constants));
    if (constants.size() != rule.constants()) {
      throw new IllegalArgumentException(
          rule + " is given " + constants.size() + " constants; needed " + rule.constants());
    }
    for (float constant : constants) {
      atLeastZero("a constant of " + rule, constant);
    }
  }

  private static void atLeastZero(String name, float value) {
    if (!(value >= 0f && value < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed a finite number of at least 0");
    }
  }

  /**
   * As they lie in memory ({@code struct Rates} in {@code native/include/sequor/updates/update.h}).
   */
  public float[] values() {
    float[] values = new float[ELEMENTS];
    values[STEP] = step; // exact up to 16 million updates; by then what it corrects is corrected
    values[LEARNING_RATE] = learningRate;
    values[CLIP_NORM] = clipNorm;
    values[CLIP_VALUE] = clipValue;
    for (int i = 0; i < constants.size(); i++) {
      values[CONSTANTS + i] = constants.get(i);
    }
    return values;
  }
}
