package dev.sequor.reference;

import java.util.Arrays;

/**
 * The loss of one sequence of labels without alignment, in double precision, twice: as the sum over
 * every path there is, which needs no idea beyond the definition; and by recursion, which is for
 * sequences that have more than a few million paths.
 *
 * @param loss {@code −log P}
 * @param gradient {@code [T,N]}, by the outputs before the softmax
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record ReferenceCtc(double loss, double[] gradient) {

  /** What a path says: repeats once, then no blanks. */
  public static int[] collapse(int[] path, int blank) {
    int[] said = new int[path.length];
    int count = 0;
    for (int t = 0; t < path.length; t++) {
      if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) {
        said[count++] = path[t];
      }
    }
    return Arrays.copyOf(said, count);
  }

  /** Probabilities {@code [T,N]} of outputs. */
  public static double[][] softmax(double[] outputs, int steps, int width) {
    double[][] p = new double[steps][width];
    for (int t = 0; t < steps; t++) {
      double[] row = Arrays.copyOfRange(outputs, t * width, (t + 1) * width);
      double top = Arrays.stream(row).max().orElseThrow();
      double total = Arrays.stream(row).map(a -> Math.exp(a - top)).sum();
      for (int j = 0; j < width; j++) {
        p[t][j] = Math.exp(row[j] - top) / total;
      }
    }
    return p;
  }

  /** The sum over all {@code N^T} paths. */
  public static ReferenceCtc overAllPaths(double[] outputs, int steps, int[] labels, int blank) {
    int width = outputs.length / steps;
    double[][] p = softmax(outputs, steps, width);
    double total = 0;
    double[] through = new double[steps * width];
    int[] path = new int[steps];
    while (true) {
      if (Arrays.equals(collapse(path, blank), labels)) {
        double probability = 1;
        for (int t = 0; t < steps; t++) {
          probability *= p[t][path[t]];
        }
        total += probability;
        for (int t = 0; t < steps; t++) {
          through[t * width + path[t]] += probability;
        }
      }
      int t = steps - 1;
      while (t >= 0 && ++path[t] == width) {
        path[t--] = 0;
      }
      if (t < 0) {
        break;
      }
    }
    return of(total == 0 ? Double.POSITIVE_INFINITY : -Math.log(total), p, through, total);
  }

  private static ReferenceCtc of(double loss, double[][] p, double[] through, double total) {
    double[] gradient = new double[through.length];
    for (int i = 0; i < gradient.length; i++) {
      int width = gradient.length / p.length;
      gradient[i] = p[i / width][i % width] - through[i] / total;
    }
    return new ReferenceCtc(loss, gradient);
  }

  /**
   * By recursion over how much has been said: {@code ahead[i][last]} is the probability of the rest
   * once {@code i} labels are said and the step before gave the label (last = 1) or a blank (0).
   * Probabilities are scaled by powers of two, so that none vanishes.
   */
  public static ReferenceCtc byRecursion(double[] outputs, int steps, int[] labels, int blank) {
    int width = outputs.length / steps;
    int count = labels.length;
    double[][] p = softmax(outputs, steps, width);
    double[][][] behind = new double[steps + 1][count + 1][2];
    int[] exponents = new int[steps + 1];
    behind[0][0][0] = 1;
    for (int t = 0; t < steps; t++) {
      for (int i = 0; i <= count; i++) {
        double[] from = behind[t][i];
        behind[t + 1][i][0] += (from[0] + from[1]) * p[t][blank];
        if (i > 0) {
          behind[t + 1][i][1] += from[1] * p[t][labels[i - 1]];
        }
        if (i < count) {
          boolean same = i > 0 && labels[i - 1] == labels[i];
          behind[t + 1][i + 1][1] += (from[0] + (same ? 0 : from[1])) * p[t][labels[i]];
        }
      }
      exponents[t + 1] = exponents[t] + scale(behind[t + 1]);
    }
    double total = behind[steps][count][0] + behind[steps][count][1];
    double[][] ahead = new double[count + 1][2];
    ahead[count][0] = 1;
    ahead[count][1] = 1;
    double[] through = new double[steps * width];
    int exponent = 0;
    for (int t = steps - 1; t >= 0; t--) {
      double[][] before = new double[count + 1][2];
      double[] row = new double[width];
      for (int i = 0; i <= count; i++) {
        double[] from = behind[t][i];
        double blanks = p[t][blank] * ahead[i][0];
        row[blank] += (from[0] + from[1]) * blanks;
        before[i][0] += blanks;
        before[i][1] += blanks;
        if (i > 0) {
          double stays = p[t][labels[i - 1]] * ahead[i][1];
          row[labels[i - 1]] += from[1] * stays;
          before[i][1] += stays;
        }
        if (i < count) {
          boolean same = i > 0 && labels[i - 1] == labels[i];
          double says = p[t][labels[i]] * ahead[i + 1][1];
          row[labels[i]] += (from[0] + (same ? 0 : from[1])) * says;
          before[i][0] += says;
          before[i][1] += same ? 0 : says;
        }
      }
      int shift = exponents[t] + exponent - exponents[steps];
      for (int j = 0; j < width; j++) {
        through[t * width + j] = Math.scalb(row[j], shift);
      }
      exponent += scale(before);
      ahead = before;
    }
    return of(-(Math.log(total) + exponents[steps] * Math.log(2)), p, through, total);
  }

  /** Multiplies by a power of two; returns the exponent that was taken out. */
  private static int scale(double[][] values) {
    double top = 0;
    for (double[] pair : values) {
      top = Math.max(top, Math.max(pair[0], pair[1]));
    }
    if (top == 0) {
      return 0;
    }
    int exponent = Math.getExponent(top);
    for (double[] pair : values) {
      pair[0] = Math.scalb(pair[0], -exponent);
      pair[1] = Math.scalb(pair[1], -exponent);
    }
    return exponent;
  }
}
