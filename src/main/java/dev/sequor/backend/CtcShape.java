package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

import org.jspecify.annotations.Nullable;

/**
 * A {@linkplain Loss.Ctc loss of label sequences} over a padded, time-major batch of outputs {@code
 * a [T,B,N]}.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param outputSize {@code N}, the labels and the blank
 * @param mostLabels {@code S}, the padded length of the targets
 * @param blank the class that stands for "no label here", less than N
 */
public record CtcShape(int timeSteps, int batchSize, int outputSize, int mostLabels, int blank) {
  /**
   * Checks each number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public CtcShape {
    atLeastOne("timeSteps", timeSteps);
    atLeastOne("batchSize", batchSize);
    atLeastOne("outputSize", outputSize);
    atLeastOne("mostLabels", mostLabels);
    if (blank < 0 || blank >= outputSize) {
      throw new IllegalArgumentException(
          "blank is " + blank + "; needed a class, 0 to " + (outputSize - 1));
    }
    Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    Sizes.product("2 · mostLabels + 2", Integer.MAX_VALUE, 2, mostLabels + 1L);
    Sizes.product("mostLabels · batchSize", Integer.MAX_VALUE, mostLabels, batchSize);
    Sizes.elements("outputs", timeSteps, batchSize, outputSize);
    Sizes.elements("the workspace", 2, timeSteps + 3L, batchSize, 2L * mostLabels + 1);
  }

  long outputElements() {
    return (long) timeSteps * batchSize * outputSize;
  }

  int labelElements() {
    return mostLabels * batchSize;
  }

  /** Floats that the loss needs to work with, {@code 2·(T+2)·B·(2·S+1) + 2·B + 2·T·B}. */
  public long workspaceElements() {
    return 2L * batchSize * ((timeSteps + 2L) * (2L * mostLabels + 1) + 1 + timeSteps);
  }

  /**
   * The steps that an alignment of labels needs at least: one a label, and a blank between two that
   * are the same.
   *
   * @param labels {@code [S,B]}, time-major: label {@code i} of sequence {@code b} at {@code i·B +
   *     b}
   * @param length of the sequence's target
   */
  public static int stepsNeeded(int[] labels, int batchSize, int b, int length) {
    int steps = length;
    for (int i = 1; i < length; i++) {
      steps += labels[i * batchSize + b] == labels[(i - 1) * batchSize + b] ? 1 : 0;
    }
    return steps;
  }

  /**
   * Refuses labels that are no class, or the blank.
   *
   * @param labels {@code [S,B]}, of any {@code S}; past a target's end anything
   * @param labelLengths {@code [B]}, negative for no target
   * @throws IllegalArgumentException naming the sequence, the value, and what is needed
   */
  public void requireLabels(int[] labels, int[] labelLengths) {
    for (int b = 0; b < batchSize; b++) {
      for (int i = 0; i < labelLengths[b]; i++) {
        int label = labels[i * batchSize + b];
        if (label < 0 || label >= outputSize || label == blank) {
          throw new IllegalArgumentException(
              "label "
                  + i
                  + " of the target of b="
                  + b
                  + " is "
                  + label
                  + (label == blank ? ", the blank; " : "; ")
                  + outputSize
                  + " outputs need 0 to "
                  + (outputSize - 1)
                  + " without the blank "
                  + blank);
        }
      }
    }
  }

  /**
   * Refuses targets that need more steps than there are, whose loss would be infinite.
   *
   * @param labels {@code [S,B]}, of any {@code S}
   * @param labelLengths {@code [B]}, negative for no target
   * @param lengths {@code [B]}, the steps of each sequence; null when every sequence has T
   * @throws IllegalArgumentException naming the first such sequence, its labels, repeats and steps
   */
  public void requireAlignable(int[] labels, int[] labelLengths, int @Nullable [] lengths) {
    for (int b = 0; b < batchSize; b++) {
      int steps = lengths == null ? timeSteps : lengths[b];
      int needed = stepsNeeded(labels, batchSize, b, labelLengths[b]);
      if (needed > steps) {
        throw new IllegalArgumentException(
            "the target of b="
                + b
                + " has "
                + labelLengths[b]
                + " labels, "
                + (needed - labelLengths[b])
                + " of them the same as the one before, and cannot be aligned with "
                + steps
                + " steps; needed at least "
                + needed);
      }
    }
  }

  @Override
  public String toString() {
    return LossFunction.CTC
        + " with T="
        + timeSteps
        + " B="
        + batchSize
        + " N="
        + outputSize
        + " S="
        + mostLabels;
  }
}
