package dev.sequor.backend;

/**
 * The losses of a row of outputs {@code a [N]} (before any squashing), in nats where they are
 * likelihoods. A batch's loss is the mean over its valid rows.
 */
public enum LossFunction {
  /**
   * {@code −log softmax(a)[target]}; one INT32 target a row, a negative target means "no target
   * here".
   */
  SOFTMAX_CROSS_ENTROPY(0),
  /**
   * {@code −Σⱼ (tⱼ log σ(aⱼ) + (1−tⱼ) log(1−σ(aⱼ)))}, summed over the outputs; FLOAT32 targets
   * {@code [N]} in [0,1].
   */
  BINARY_CROSS_ENTROPY(1),
  /** {@code 1/N Σⱼ (aⱼ − tⱼ)²}; FLOAT32 targets {@code [N]}. */
  MEAN_SQUARED_ERROR(2);

  private final int number;

  LossFunction(int number) {
    this.number = number;
  }

  /**
   * The number that native code and kernels know it by ({@code native/include/sequor/numbers.h}).
   */
  public int number() {
    return number;
  }
}
