package dev.sequor.model;

/** The ranges of optimisers' constants. */
final class Constants {
  private Constants() {}

  static void positive(String name, float value) {
    if (!(value > 0f) || Float.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed a finite number greater than 0");
    }
  }

  static void atLeastZero(String name, float value) {
    if (!(value >= 0f) || Float.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed a finite number of at least 0");
    }
  }

  static void fraction(String name, float value) {
    if (!(value >= 0f && value < 1f)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 <= " + name + " < 1");
    }
  }

  static void ofAdam(
      float learningRate, float beta1, float beta2, float epsilon, float weightDecay) {
    positive("learningRate", learningRate);
    atLeastZero("weightDecay", weightDecay);
    fraction("beta1", beta1);
    fraction("beta2", beta2);
    positive("epsilon", epsilon);
  }
}
