package dev.sequor.model;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateRule;
import dev.sequor.module.Network;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
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

  /** At least 0; {@link UpdateRule} says how it acts. */
  float weightDecay();

  /**
   * The same with another weight decay.
   *
   * @throws IllegalArgumentException if it is not finite and at least 0
   */
  Optimizer withWeightDecay(float weightDecay);

  /** The constants of the rule, in the order that {@link UpdateRule} gives. */
  List<Float> constants();

  /** Which of the moments are sums or means of squares, and so never negative. */
  default boolean isNeverNegative(int moment) {
    return false;
  }

  /** Groups of parameters that are updated otherwise than the rest; often none. */
  default List<ParameterGroup> groups() {
    return List.of();
  }

  /**
   * A group of the tensors that {@code patterns} name, which is updated as all others until it is
   * {@linkplain ParameterGroup#withRate given} a rate or a decay of its own.
   *
   * @param patterns names of tensors, in which {@code *} stands for any characters
   */
  default ParameterGroup group(String... patterns) {
    return new ParameterGroup(List.of(patterns), 1f, weightDecay());
  }

  /**
   * The same with groups of parameters; for example without decay where that only does harm:
   *
   * <pre>{@code
   * Optimizer adamw = Optimizer.adamw(0.001f, 0.1f);
   * adamw.with(adamw.group("*bias", "*.gain").withWeightDecay(0f));
   * }</pre>
   */
  default Grouped with(ParameterGroup... groups) {
    return new Grouped(this, List.of(groups));
  }

  /**
   * The same with no weight decay of biases, gains and learned states: of all tensors of {@code
   * network} that are no matrices.
   */
  default Optimizer withDecayOfMatricesOnly(Network network) {
    List<String> vectors =
        network.layout().regions().stream()
            .filter(region -> region.shape().size() != 2)
            .map(TensorRegion::name)
            .toList();
    return vectors.isEmpty() ? this : with(new ParameterGroup(vectors, 1f, 0f));
  }

  /**
   * The numbers of update {@code step} of the parameters of no group, and then those of each group.
   */
  default List<OptimizerStep> steps(long step, Clipping clipping) {
    List<OptimizerStep> steps = new ArrayList<>();
    steps.add(step(step, clipping));
    for (ParameterGroup group : groups()) {
      steps.add(
          new OptimizerStep(
              rule(),
              step,
              learningRate() * group.rate(),
              clipping.globalNorm(),
              clipping.value(),
              withWeightDecay(group.weightDecay()).constants()));
    }
    return steps;
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

    @Override
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

    @Override
    public Adam withWeightDecay(float weightDecay) {
      return new Adam(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public boolean isNeverNegative(int moment) {
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
    public AdamW withWeightDecay(float weightDecay) {
      return new AdamW(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(beta1, beta2, epsilon, weightDecay);
    }

    @Override
    public boolean isNeverNegative(int moment) {
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
    public RmsProp withWeightDecay(float weightDecay) {
      return new RmsProp(learningRate, alpha, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(alpha, epsilon, weightDecay);
    }

    @Override
    public boolean isNeverNegative(int moment) {
      return true;
    }
  }

  /**
   * Stochastic gradient descent with Nesterov's momentum.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param momentum in [0, 1)
   * @param weightDecay at least 0; added to the gradient
   */
  record Nesterov(float learningRate, float momentum, float weightDecay) implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Nesterov {
      Constants.positive("learningRate", learningRate);
      Constants.fraction("momentum", momentum);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.NESTEROV;
    }

    @Override
    public Nesterov withLearningRate(float learningRate) {
      return new Nesterov(learningRate, momentum, weightDecay);
    }

    @Override
    public Nesterov withWeightDecay(float weightDecay) {
      return new Nesterov(learningRate, momentum, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(momentum, weightDecay);
    }
  }

  /**
   * RMSProp by the gradient's variance, with momentum.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param alpha {@code α}, in [0, 1)
   * @param epsilon {@code ε}, greater than 0
   * @param momentum in [0, 1); 0 for none
   * @param weightDecay at least 0; added to the gradient
   */
  record CenteredRmsProp(
      float learningRate, float alpha, float epsilon, float momentum, float weightDecay)
      implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public CenteredRmsProp {
      Constants.positive("learningRate", learningRate);
      Constants.fraction("alpha", alpha);
      Constants.positive("epsilon", epsilon);
      Constants.fraction("momentum", momentum);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.CENTERED_RMSPROP;
    }

    @Override
    public CenteredRmsProp withLearningRate(float learningRate) {
      return new CenteredRmsProp(learningRate, alpha, epsilon, momentum, weightDecay);
    }

    @Override
    public CenteredRmsProp withWeightDecay(float weightDecay) {
      return new CenteredRmsProp(learningRate, alpha, epsilon, momentum, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(alpha, epsilon, weightDecay, momentum);
    }

    @Override
    public boolean isNeverNegative(int moment) {
      return moment == 0;
    }
  }

  /**
   * Adagrad.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param epsilon {@code ε}, greater than 0
   * @param weightDecay at least 0; added to the gradient
   */
  record Adagrad(float learningRate, float epsilon, float weightDecay) implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Adagrad {
      Constants.positive("learningRate", learningRate);
      Constants.positive("epsilon", epsilon);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.ADAGRAD;
    }

    @Override
    public Adagrad withLearningRate(float learningRate) {
      return new Adagrad(learningRate, epsilon, weightDecay);
    }

    @Override
    public Adagrad withWeightDecay(float weightDecay) {
      return new Adagrad(learningRate, epsilon, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(epsilon, weightDecay);
    }

    @Override
    public boolean isNeverNegative(int moment) {
      return true;
    }
  }

  /**
   * Lion; its learning rate is a third to a tenth of AdamW's, its weight decay as much larger.
   *
   * @param learningRate {@code lr}, greater than 0
   * @param beta1 {@code β₁}, in [0, 1)
   * @param beta2 {@code β₂}, in [0, 1)
   * @param weightDecay at least 0; apart from the gradient
   */
  record Lion(float learningRate, float beta1, float beta2, float weightDecay)
      implements Optimizer {
    /**
     * Checks each constant.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Lion {
      Constants.positive("learningRate", learningRate);
      Constants.fraction("beta1", beta1);
      Constants.fraction("beta2", beta2);
      Constants.atLeastZero("weightDecay", weightDecay);
    }

    @Override
    public UpdateRule rule() {
      return UpdateRule.LION;
    }

    @Override
    public Lion withLearningRate(float learningRate) {
      return new Lion(learningRate, beta1, beta2, weightDecay);
    }

    @Override
    public Lion withWeightDecay(float weightDecay) {
      return new Lion(learningRate, beta1, beta2, weightDecay);
    }

    @Override
    public List<Float> constants() {
      return List.of(beta1, beta2, weightDecay);
    }
  }

  /**
   * An optimiser, and groups of parameters that have a learning rate and a weight decay of their
   * own. A tensor that no group names is updated as {@code optimizer} says.
   *
   * @param optimizer the rule of all groups
   * @param groups at least one; no tensor may be of two
   */
  record Grouped(Optimizer optimizer, List<ParameterGroup> groups) implements Optimizer {
    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if there are no groups or more than an update may have, or
     *     {@code optimizer} has some itself
     */
    public Grouped {
      groups = List.copyOf(groups);
      if (optimizer instanceof Grouped) {
        throw new IllegalArgumentException(
            "the optimiser has groups already; needed all groups at once");
      }
      int most = UpdateGroups.MOST - 1;
      if (groups.isEmpty() || groups.size() > most) {
        throw new IllegalArgumentException(
            groups.size() + " groups of parameters are given; needed 1 to " + most);
      }
    }

    @Override
    public UpdateRule rule() {
      return optimizer.rule();
    }

    @Override
    public float learningRate() {
      return optimizer.learningRate();
    }

    @Override
    public Grouped withLearningRate(float learningRate) {
      return new Grouped(optimizer.withLearningRate(learningRate), groups);
    }

    @Override
    public float weightDecay() {
      return optimizer.weightDecay();
    }

    /** The same with another weight decay of what no group names. */
    @Override
    public Grouped withWeightDecay(float weightDecay) {
      return new Grouped(optimizer.withWeightDecay(weightDecay), groups);
    }

    @Override
    public List<Float> constants() {
      return optimizer.constants();
    }

    @Override
    public boolean isNeverNegative(int moment) {
      return optimizer.isNeverNegative(moment);
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

  /** Stochastic gradient descent with Nesterov's momentum. */
  static Nesterov nesterov(float learningRate, float momentum) {
    return new Nesterov(learningRate, momentum, 0f);
  }

  /** RMSProp by the gradient's variance, with α = 0.99, ε = 1e-8. */
  static CenteredRmsProp centeredRmsprop(float learningRate, float momentum) {
    return new CenteredRmsProp(learningRate, 0.99f, 1e-8f, momentum, 0f);
  }

  /** Adagrad with ε = 1e-10. */
  static Adagrad adagrad(float learningRate) {
    return new Adagrad(learningRate, 1e-10f, 0f);
  }

  /** Lion with β₁ = 0.9, β₂ = 0.99. */
  static Lion lion(float learningRate, float weightDecay) {
    return new Lion(learningRate, 0.9f, 0.99f, weightDecay);
  }
}
