package dev.sequor.model;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateRule;
import java.util.List;

/**
 * The update rule and its constants; the formulas are {@link UpdateRule}'s. Constants that the rule
 * does not use are 0.
 *
 * @param rule SGD with momentum, Adam or AdamW
 * @param learningRate {@code lr}, greater than 0
 * @param momentum of SGD, in [0, 1)
 * @param beta1 of Adam, in [0, 1)
 * @param beta2 of Adam, in [0, 1)
 * @param epsilon of Adam, greater than 0
 * @param weightDecay at least 0
 */
public record Optimizer(
    UpdateRule rule,
    float learningRate,
    float momentum,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay) {

  /**
   * Checks each constant.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public Optimizer {
    if (!(learningRate > 0f) || Float.isInfinite(learningRate)) {
      throw new IllegalArgumentException(
          "learningRate is " + learningRate + "; needed a finite number greater than 0");
    }
    if (!(weightDecay >= 0f) || Float.isInfinite(weightDecay)) {
      throw new IllegalArgumentException(
          "weightDecay is " + weightDecay + "; needed a finite number of at least 0");
    }
    fraction("momentum", momentum);
    fraction("beta1", beta1);
    fraction("beta2", beta2);
    boolean used = rule != UpdateRule.SGD;
    if (!(used ? epsilon > 0f : epsilon >= 0f) || Float.isInfinite(epsilon)) {
      throw new IllegalArgumentException(
          "epsilon is "
              + epsilon
              + "; needed a finite number "
              + (used ? "greater than 0" : "of at least 0"));
    }
  }

  private static void fraction(String name, float value) {
    if (!(value >= 0f && value < 1f)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 <= " + name + " < 1");
    }
  }

  /** Plain stochastic gradient descent. */
  public static Optimizer sgd(float learningRate) {
    return sgd(learningRate, 0f);
  }

  /** Stochastic gradient descent with momentum. */
  public static Optimizer sgd(float learningRate, float momentum) {
    return new Optimizer(UpdateRule.SGD, learningRate, momentum, 0f, 0f, 0f, 0f);
  }

  /** Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  public static Optimizer adam(float learningRate) {
    return new Optimizer(UpdateRule.ADAM, learningRate, 0f, 0.9f, 0.999f, 1e-8f, 0f);
  }

  /** AdamW with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  public static Optimizer adamw(float learningRate, float weightDecay) {
    return new Optimizer(UpdateRule.ADAMW, learningRate, 0f, 0.9f, 0.999f, 1e-8f, weightDecay);
  }

  /** The same with another learning rate. */
  public Optimizer withLearningRate(float learningRate) {
    return new Optimizer(rule, learningRate, momentum, beta1, beta2, epsilon, weightDecay);
  }

  /** The same with other Adam constants. */
  public Optimizer withAdamConstants(float beta1, float beta2, float epsilon) {
    return new Optimizer(rule, learningRate, momentum, beta1, beta2, epsilon, weightDecay);
  }

  /** The same with another weight decay. */
  public Optimizer withWeightDecay(float weightDecay) {
    return new Optimizer(rule, learningRate, momentum, beta1, beta2, epsilon, weightDecay);
  }

  /** Update number {@code step} (1 for the first) with {@code clipping}. */
  OptimizerStep step(long step, Clipping clipping) {
    List<Float> constants =
        switch (rule) {
          case SGD -> List.of(momentum, weightDecay);
          case ADAM, ADAMW -> List.of(beta1, beta2, epsilon, weightDecay);
        };
    return new OptimizerStep(
        rule, step, learningRate, clipping.globalNorm(), clipping.value(), constants);
  }
}
