package dev.sequor.backend;

/**
 * The loss of a row of outputs {@code a [N]} (before any squashing), in nats where it is a
 * likelihood. A batch's loss is the mean over its valid rows. The formulas are written once, in
 * {@code native/include/sequor/losses}.
 */
public sealed interface Loss {
  /** Which formula; kernels and native code know it by its number. */
  LossFunction function();

  /** The constants of the formula, at most {@value LossShape#MOST_CONSTANTS}; often none. */
  default float[] constants() {
    return new float[0];
  }

  /**
   * {@code −log softmax(a)[target]}; one INT32 target a row, a negative target means "no target
   * here".
   */
  record SoftmaxCrossEntropy() implements Loss {
    @Override
    public LossFunction function() {
      return LossFunction.SOFTMAX_CROSS_ENTROPY;
    }
  }

  /**
   * {@code −Σⱼ (tⱼ log σ(aⱼ) + (1−tⱼ) log(1−σ(aⱼ)))}, summed over the outputs; FLOAT32 targets
   * {@code [N]} in [0,1].
   */
  record BinaryCrossEntropy() implements Loss {
    @Override
    public LossFunction function() {
      return LossFunction.BINARY_CROSS_ENTROPY;
    }
  }

  /** {@code 1/N Σⱼ (aⱼ − tⱼ)²}; FLOAT32 targets {@code [N]}. */
  record MeanSquaredError() implements Loss {
    @Override
    public LossFunction function() {
      return LossFunction.MEAN_SQUARED_ERROR;
    }
  }

  /** See {@link SoftmaxCrossEntropy}. */
  static Loss softmaxCrossEntropy() {
    return new SoftmaxCrossEntropy();
  }

  /** See {@link BinaryCrossEntropy}. */
  static Loss binaryCrossEntropy() {
    return new BinaryCrossEntropy();
  }

  /** See {@link MeanSquaredError}. */
  static Loss meanSquaredError() {
    return new MeanSquaredError();
  }
}
