package dev.sequor.backend;

/**
 * One update of all parameters: clip, then step. With {@code g} the gradient after clipping and
 * {@code t} = {@code step}:
 *
 * <ul>
 *   <li>{@code SGD}: {@code v = momentum·v + g; w −= lr·v} (as torch.optim.SGD), one moment vector;
 *   <li>{@code ADAM} (Kingma and Ba 2015): {@code g += weightDecay·w}; {@code m = β₁m + (1−β₁)g; v
 *       = β₂v + (1−β₂)g²; w −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)}, two moment vectors;
 *   <li>{@code ADAMW} (Loshchilov and Hutter 2019): {@code w −= lr·weightDecay·w}, then Adam
 *       without decay in {@code g}.
 * </ul>
 *
 * For SGD {@code weightDecay} is added to the gradient: {@code g += weightDecay·w}.
 *
 * @param rule the update rule
 * @param step {@code t}, 1 for the first update
 * @param learningRate {@code lr}
 * @param momentum of SGD
 * @param beta1 of Adam
 * @param beta2 of Adam
 * @param epsilon of Adam
 * @param weightDecay 0 for none
 * @param clipNorm scale the whole gradient so that its Euclidean norm is at most this (Pascanu et
 *     al. 2013); 0 for no clipping
 * @param clipValue after that, clamp each element to ±this; 0 for no clipping
 */
public record OptimizerStep(
    Rule rule,
    long step,
    float learningRate,
    float momentum,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay,
    float clipNorm,
    float clipValue) {

  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public OptimizerStep {
    Arguments.present("rule", rule);
    if (step < 1) {
      throw new IllegalArgumentException("step is " + step + "; needed at least 1");
    }
    atLeastZero("learningRate", learningRate);
    atLeastZero("momentum", momentum);
    belowOne("beta1", beta1);
    belowOne("beta2", beta2);
    atLeastZero("epsilon", epsilon);
    atLeastZero("weightDecay", weightDecay);
    atLeastZero("clipNorm", clipNorm);
    atLeastZero("clipValue", clipValue);
  }

  private static void atLeastZero(String name, float value) {
    if (!(value >= 0f && value < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed a finite number of at least 0");
    }
  }

  private static void belowOne(String name, float value) {
    if (!(value >= 0f && value < 1f)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed 0 <= " + name + " < 1");
    }
  }

  /** Update rules. */
  public enum Rule {
    /** Stochastic gradient descent with momentum. */
    SGD(0, 1),
    /** Adam. */
    ADAM(1, 2),
    /** Adam with decoupled weight decay. */
    ADAMW(2, 2);

    private final int number;
    private final int moments;

    Rule(int number, int moments) {
      this.number = number;
      this.moments = moments;
    }

    /**
     * The number that native code and kernels know it by ({@code native/include/sequor/numbers.h}).
     */
    public int number() {
      return number;
    }

    /** Vectors of the parameters' length that the rule keeps. */
    public int moments() {
      return moments;
    }
  }
}
