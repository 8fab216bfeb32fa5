package dev.sequor.model;

import dev.sequor.backend.Sizes;

/** What a model's outputs say, where they are logits of classes: rows of as many, one a row. */
public final class Outputs {
  private Outputs() {}

  /**
   * The probabilities of the classes, {@code softmax} of each row, worked out in double precision.
   *
   * @param logits {@code [rows, classes]}
   * @param classes at least 1
   * @return as many
   * @throws IllegalArgumentException if {@code logits} are no whole rows
   */
  public static float[] probabilities(float[] logits, int classes) {
    int rows = rows(logits, classes);
    float[] probabilities = new float[logits.length];
    double[] logarithms = new double[classes];
    for (int row = 0; row < rows; row++) {
      logSoftmax(logits, row * classes, logarithms);
      for (int i = 0; i < classes; i++) {
        probabilities[row * classes + i] = (float) Math.exp(logarithms[i]);
      }
    }
    return probabilities;
  }

  /**
   * The likeliest class of each row; of equally likely ones the smallest.
   *
   * @param logits {@code [rows, classes]}
   * @param classes at least 1
   * @throws IllegalArgumentException if {@code logits} are no whole rows
   */
  public static int[] likeliest(float[] logits, int classes) {
    int[] likeliest = new int[rows(logits, classes)];
    for (int row = 0; row < likeliest.length; row++) {
      likeliest[row] = likeliest(logits, row * classes, classes);
    }
    return likeliest;
  }

  private static int rows(float[] logits, int classes) {
    Sizes.atLeastOne("classes", classes);
    if (logits.length % classes != 0) {
      throw new IllegalArgumentException(
          "logits holds "
              + logits.length
              + " elements; needed a multiple of "
              + classes
              + ", the classes");
    }
    return logits.length / classes;
  }

  /** The likeliest class of the row that begins at {@code at}. */
  static int likeliest(float[] logits, int at, int classes) {
    int best = 0;
    for (int i = 1; i < classes; i++) {
      best = logits[at + i] > logits[at + best] ? i : best;
    }
    return best;
  }

  /** The logarithms of the probabilities of the row that begins at {@code at}. */
  static void logSoftmax(float[] logits, int at, double[] to) {
    double top = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < to.length; j++) {
      top = Math.max(top, logits[at + j]);
    }
    double total = 0;
    for (int j = 0; j < to.length; j++) {
      total += Math.exp(logits[at + j] - top);
    }
    for (int j = 0; j < to.length; j++) {
      to[j] = logits[at + j] - top - Math.log(total);
    }
  }
}
