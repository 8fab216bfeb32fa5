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

  /**
   * Softmax cross-entropy with a target of which {@code 1 − ε} lies on the class and {@code ε}
   * evenly on all (Szegedy et al. 2016): {@code −(1−ε) log softmax(a)[target] − ε/N Σⱼ log
   * softmax(a)[j]}; targets as for {@link SoftmaxCrossEntropy}.
   *
   * @param smoothing {@code ε}, in [0, 1)
   */
  record LabelSmoothedCrossEntropy(float smoothing) implements Loss {
    /**
     * Checks the smoothing.
     *
     * @throws IllegalArgumentException if it is not in [0, 1)
     */
    public LabelSmoothedCrossEntropy {
      if (!(smoothing >= 0f && smoothing < 1f)) {
        throw new IllegalArgumentException(
            "smoothing is " + smoothing + "; needed 0 <= smoothing < 1");
      }
    }

    @Override
    public LossFunction function() {
      return LossFunction.LABEL_SMOOTHED_CROSS_ENTROPY;
    }

    @Override
    public float[] constants() {
      return new float[] {smoothing};
    }
  }

  /** See {@link LabelSmoothedCrossEntropy}. */
  static Loss labelSmoothedCrossEntropy(float smoothing) {
    return new LabelSmoothedCrossEntropy(smoothing);
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
