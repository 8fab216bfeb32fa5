package dev.sequor.backend;

/**
 * Update rules. With {@code g} the gradient after clipping, {@code t} the number of the update and
 * {@code lr} the learning rate; each is written once, in {@code native/include/sequor/updates}.
 */
public enum UpdateRule {
  /**
   * Stochastic gradient descent: {@code g += weightDecay·w; v = momentum·v + g; w −= lr·v} (as
   * torch.optim.SGD). Constants: momentum, weight decay.
   */
  SGD(0, 1, 2),
  /**
   * Adam (Kingma and Ba 2015): {@code g += weightDecay·w}; {@code m = β₁m + (1−β₁)g; v = β₂v +
   * (1−β₂)g²; w −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)}. Constants: β₁, β₂, ε, weight decay.
   */
  ADAM(1, 2, 4),
  /**
   * Adam with decoupled weight decay (Loshchilov and Hutter 2019): {@code w −= lr·weightDecay·w},
   * then Adam without decay in {@code g}. Constants as for Adam.
   */
  ADAMW(2, 2, 4),
  /**
   * RMSProp (Tieleman and Hinton 2012): {@code g += weightDecay·w; v = α·v + (1−α)g²; w −= lr·g /
   * (√v + ε)}. Constants: α, ε, weight decay.
   */
  RMSPROP(3, 1, 3),
  /**
   * Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013, as
   * torch.optim.SGD): {@code g += weightDecay·w; v = momentum·v + g; w −= lr·(g + momentum·v)}.
   * Constants as for SGD.
   */
  NESTEROV(4, 1, 2),
  /**
   * RMSProp by the gradient's variance, with momentum (Graves 2013): {@code g += weightDecay·w; v =
   * α·v + (1−α)g²; m = α·m + (1−α)g; u = momentum·u + g / (√(v − m²) + ε); w −= lr·u}. Moments: v,
   * m, u. Constants: α, ε, weight decay, momentum.
   */
  CENTERED_RMSPROP(5, 3, 4),
  /**
   * Adagrad (Duchi, Hazan and Singer 2011): {@code g += weightDecay·w; v += g²; w −= lr·g / (√v +
   * ε)}. Constants: ε, weight decay.
   */
  ADAGRAD(6, 1, 2),
  /**
   * Lion (Chen et al. 2023): {@code w −= lr·weightDecay·w; w −= lr·sign(β₁m + (1−β₁)g); m = β₂m +
   * (1−β₂)g}. Constants: β₁, β₂, weight decay.
   */
  LION(7, 1, 3);

  /** No rule has more constants. */
  static final int MOST_CONSTANTS = 4;

  private final int number;
  private final int moments;
  private final int constants;

  UpdateRule(int number, int moments, int constants) {
    this.number = number;
    this.moments = moments;
    this.constants = constants;
  }

  /** Its number in {@code native/include/sequor/updates.h}. */
  public int number() {
    return number;
  }

  /** Vectors of the parameters' length that the rule keeps. */
  public int moments() {
    return moments;
  }

  /** How many constants it has. */
  public int constants() {
    return constants;
  }
}
