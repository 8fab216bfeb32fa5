package dev.sequor.model;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateRule;
import java.util.List;

/**
 * An update rule with its constants; the formulas are those of {@link UpdateRule}. Made by the
 * methods here or by the constructors of the records, and changed by their {@code with…} methods.
 */
public sealed interface Optimizer {
  /** Which formula. */
  UpdateRule rule();

  /** {@code lr}, greater than 0. */
  float learningRate();

  /**
   * The same with another learning rate.
   *
   * @throws IllegalArgumentException if it is not finite and greater than 0
   */
  Optimizer withLearningRate(float learningRate);

  /** The constants of the rule, in the order that {@link UpdateRule} gives. */
  List<Float> constants();

  /** Which of the moments are means of squares, and so never negative. */
  default boolean isMeanOfSquares(int moment) {
    return false;
  }

  /** Update number {@code step} (1 for the first) with {@code clipping}. */
  default OptimizerStep step(long step, Clipping clipping) {
    return new OptimizerStep(
        rule(), step, learningRate(), clipping.globalNorm(), clipping.value(), constants());
  }

  /**
   * Stochastic gradient descent.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param momentum in [0, 1); 0 for none
   * @param weightDecay at least 0
   */
  record Sgd(float learningRate, float momentum, float weightDecay) implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Sgd {
      Constants.positive("learningRate", learningRate);
      Constants.fraction("momentum", momentum);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.SGD;
    }

    @Override
    public Sgd withLearningRate(float learningRate) {
      return new Sgd(learningRate, momentum, weightDecay);
    }

    /** The same with another weight decay. */
    public Sgd withWeightDecay(float weightDecay) {
      return new Sgd(learningRate, momentum, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(momentum, weightDecay);
    }
  }

  /**
   * Adam.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param beta1 {@code β₁}, in [0, 1)
   * @param beta2 {@code β₂}, in [0, 1)
   * @param epsilon {@code ε}, greater than 0
   * @param weightDecay at least 0; added to the gradient
   */
  record Adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay)
      implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Adam {
      Constants.ofAdam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.ADAM;
    }

    @Override
    public Adam withLearningRate(float learningRate) {
      return new Adam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    /** The same with other constants of its means. */
    public Adam withConstants(float beta1, float beta2, float epsilon) {
      return new Adam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    /** The same with another weight decay. */
    public Adam withWeightDecay(float weightDecay) {
      return new Adam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public boolean isMeanOfSquares(int moment) {
      return moment == 1;
    }
  }

  /**
   * Adam with decoupled weight decay.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param beta1 {@code β₁}, in [0, 1)
   * @param beta2 {@code β₂}, in [0, 1)
   * @param epsilon {@code ε}, greater than 0
   * @param weightDecay at least 0; apart from the gradient
   */
  record AdamW(float learningRate, float beta1, float beta2, float epsilon, float weightDecay)
      implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public AdamW {
      Constants.ofAdam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.ADAMW;
    }

    @Override
    public AdamW withLearningRate(float learningRate) {
      return new AdamW(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    /** The same with other constants of its means. */
    public AdamW withConstants(float beta1, float beta2, float epsilon) {
      return new AdamW(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public boolean isMeanOfSquares(int moment) {
      return moment == 1;
    }
  }

  /**
   * RMSProp.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param alpha {@code α}, in [0, 1)
   * @param epsilon {@code ε}, greater than 0
   * @param weightDecay at least 0; added to the gradient
   */
  record RmsProp(float learningRate, float alpha, float epsilon, float weightDecay)
      implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public RmsProp {
      Constants.positive("learningRate", learningRate);
      Constants.fraction("alpha", alpha);
      Constants.positive("epsilon", epsilon);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.RMSPROP;
    }

    @Override
    public RmsProp withLearningRate(float learningRate) {
      return new RmsProp(learningRate, alpha, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(alpha, epsilon, weightDecay);
    }

    @Override
    public boolean isMeanOfSquares(int moment) {
      return true;
    }
  }

  /** RMSProp with α = 0.99, ε = 1e-8. */
  static RmsProp rmsprop(float learningRate) {
    return new RmsProp(learningRate, 0.99f, 1e-8f, 0f);
  }

  /** Plain stochastic gradient descent. */
  static Sgd sgd(float learningRate) {
    return sgd(learningRate, 0f);
  }

  /** Stochastic gradient descent with momentum. */
  static Sgd sgd(float learningRate, float momentum) {
    return new Sgd(learningRate, momentum, 0f);
  }

  /** Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  static Adam adam(float learningRate) {
    return new Adam(learningRate, 0.9f, 0.999f, 1e-8f, 0f);
  }

  /** AdamW with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  static AdamW adamw(float learningRate, float weightDecay) {
    return new AdamW(learningRate, 0.9f, 0.999f, 1e-8f, weightDecay);
  }
}
