package dev.sequor.backend;

/** The formulas of {@link Loss}es, by the numbers that native code and kernels know them by. */
public enum LossFunction {
  /** {@link Loss.SoftmaxCrossEntropy}. */
  SOFTMAX_CROSS_ENTROPY(0, true),
  /** {@link Loss.BinaryCrossEntropy}. */
  BINARY_CROSS_ENTROPY(1, false),
  /** {@link Loss.MeanSquaredError}. */
  MEAN_SQUARED_ERROR(2, false),
  /** {@link Loss.LabelSmoothedCrossEntropy}. */
  LABEL_SMOOTHED_CROSS_ENTROPY(3, true),
  /** {@link Loss.WeightedBinaryCrossEntropy}. */
  WEIGHTED_BINARY_CROSS_ENTROPY(4, false),
  /** {@link Loss.Ctc}: not of rows but of whole sequences, see {@link Backend#ctcLoss}. */
  CTC(-1, false);

  private final int number;
  private final boolean classes;

  LossFunction(int number, boolean classes) {
    this.number = number;
    this.classes = classes;
  }

  /**
   * Its number in {@code native/include/sequor/losses.h}; −1 for {@link #CTC}, which is not there.
   */
  public int number() {
    return number;
  }

  /** Whether a target is a sequence of labels, of a length of its own. */
  public boolean takesLabels() {
    return this == CTC;
  }

  /** Whether a row has one INT32 target, the number of a class, rather than N floats. */
  public boolean takesClasses() {
    return classes;
  }
}
