package dev.sequor.backend;

import java.util.ArrayList;
import java.util.List;

/**
 * The loss of a row of outputs {@code a [N]} (before any squashing), in nats where it is a
 * likelihood. A batch's loss is the mean over its valid rows, by their weights where they have any.
 * The formulas are written once, in {@code native/include/sequor/losses}.
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

  /**
   * Connectionist temporal classification (Graves et al. 2006), for targets that say which labels
   * come in which order, but not when: {@code −log P(labels)}, where {@code P} is the sum over all
   * alignments. An alignment gives each step a label or the blank; the labels are what is left when
   * what repeats is written once and then the blanks are dropped. The loss is of a whole sequence,
   * and a batch's loss the mean over its sequences with a target. Written once in {@code
   * native/include/sequor/ctc.h}; see {@link Backend#ctcLoss}.
   *
   * <p>{@code S} labels of which {@code R} are the same as the one before need at least {@code S +
   * R} steps.
   *
   * @param blank the class that stands for "no label here"; no target has it
   * @param skipsUnalignable what is done with a target that needs more steps than its sequence has:
   *     if true, the sequence counts nothing, as if it had no target; if false, the window is
   *     refused
   */
  record Ctc(int blank, boolean skipsUnalignable) implements Loss {
    /**
     * Checks the blank.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Ctc {
      if (blank < 0) {
        throw new IllegalArgumentException("blank is " + blank + "; needed a class, at least 0");
      }
    }

    @Override
    public LossFunction function() {
      return LossFunction.CTC;
    }
  }

  /** See {@link Ctc}; targets that cannot be aligned are refused. */
  static Loss ctc(int blank) {
    return new Ctc(blank, false);
  }

  /**
   * Binary cross-entropy that counts what is to be found {@code p} times, where it is rare: {@code
   * −Σⱼ (p·tⱼ log σ(aⱼ) + (1−tⱼ) log(1−σ(aⱼ)))} (as torch.nn.BCEWithLogitsLoss with pos_weight);
   * targets as for {@link BinaryCrossEntropy}.
   *
   * @param positiveWeight {@code p}, greater than 0
   */
  record WeightedBinaryCrossEntropy(float positiveWeight) implements Loss {
    /**
     * Checks the weight.
     *
     * @throws IllegalArgumentException if it is not finite and greater than 0
     */
    public WeightedBinaryCrossEntropy {
      if (!(positiveWeight > 0f && positiveWeight < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "positiveWeight is " + positiveWeight + "; needed a finite number greater than 0");
      }
    }

    @Override
    public LossFunction function() {
      return LossFunction.WEIGHTED_BINARY_CROSS_ENTROPY;
    }

    @Override
    public float[] constants() {
      return new float[] {positiveWeight};
    }
  }

  /**
   * A loss of classes that counts each row {@code w[target]} times, where some classes are rare. A
   * batch's loss is {@code Σ w[targetᵣ]·lossᵣ / Σ w[targetᵣ]} (as torch.nn.CrossEntropyLoss with
   * weight): only the ratios of the weights matter, and equal weights change nothing. Of a smoothed
   * loss the whole row counts so often, the part that lies on all classes included.
   *
   * <p>Models turn the weights into those of {@linkplain Backend#loss rows}, so no backend ever
   * sees this.
   *
   * @param loss of classes
   * @param weights {@code w [N]}, one for each class, at least 0 and not all 0
   */
  record ClassWeighted(Loss loss, List<Float> weights) implements Loss {
    /**
     * Checks that it is a loss of classes, and the weights.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public ClassWeighted {
      Required.present("loss", loss);
      weights = List.copyOf(Required.present("weights", weights));
      if (!loss.function().takesClasses() || loss instanceof ClassWeighted) {
        throw new IllegalArgumentException(
            loss + " is to be weighted by class; needed a loss of classes without weights");
      }
      float sum = 0;
      for (int i = 0; i < weights.size(); i++) {
        float weight = weights.get(i);
        if (!(weight >= 0f && weight < Float.POSITIVE_INFINITY)) {
          throw new IllegalArgumentException(
              "weights[" + i + "] is " + weight + "; needed a finite number of at least 0");
        }
        sum += weight;
      }
      if (sum == 0) {
        throw new IllegalArgumentException("the class weights are all 0; needed one above 0");
      }
    }

    @Override
    public LossFunction function() {
      return loss.function();
    }

    @Override
    public float[] constants() {
      return loss.constants();
    }

    @Override
    public Loss ofRow() {
      return loss;
    }

    @Override
    public void requireOutputs(int outputs) {
      if (weights.size() != outputs) {
        throw new IllegalArgumentException(
            "the loss has weights of "
                + weights.size()
                + " classes; "
                + outputs
                + " outputs need as many");
      }
    }

    @Override
    public float weight(int target) {
      return weights.get(target);
    }
  }

  /**
   * Refuses to be the loss of so many outputs.
   *
   * @throws IllegalArgumentException if there are weights of another number of classes
   */
  default void requireOutputs(int outputs) {}

  /** The same without class weights: what a backend computes of a row. */
  default Loss ofRow() {
    return this;
  }

  /** How often a row with this target counts; 1 for all but {@link ClassWeighted}. */
  default float weight(int target) {
    return 1f;
  }

  /** See {@link ClassWeighted}. */
  static Loss classWeighted(Loss loss, float... weights) {
    List<Float> all = new ArrayList<>();
    for (float weight : Required.present("weights", weights)) {
      all.add(weight);
    }
    return new ClassWeighted(loss, all);
  }

  /** See {@link WeightedBinaryCrossEntropy}. */
  static Loss weightedBinaryCrossEntropy(float positiveWeight) {
    return new WeightedBinaryCrossEntropy(positiveWeight);
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
