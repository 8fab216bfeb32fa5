package dev.sequor.picture;

import java.util.Arrays;

/**
 * Places along a line as near as can be to where they are wanted, in their order and apart. It is
 * the least sum of weighted squares, found by pooling adjacent violators (Ayer et al. 1955).
 */
final class Spacing {
  private Spacing() {}

  /**
   * The places.
   *
   * @param wanted [N]
   * @param weights [N], above 0
   * @param gaps [N], between each place and the one before it, at least; the first is not read
   */
  static double[] apart(double[] wanted, double[] weights, double[] gaps) {
    int n = wanted.length;
    double[] offset = new double[n];
    for (int i = 1; i < n; i++) {
      offset[i] = offset[i - 1] + gaps[i];
    }
    // Without their offsets, places need only not fall. Pools of those that are equal:
    double[] mean = new double[n];
    double[] weight = new double[n];
    int[] count = new int[n];
    int pools = 0;
    for (int i = 0; i < n; i++) {
      mean[pools] = wanted[i] - offset[i];
      weight[pools] = weights[i];
      count[pools++] = 1;
      while (pools > 1 && mean[pools - 2] > mean[pools - 1]) {
        double sum = weight[pools - 2] + weight[pools - 1];
        mean[pools - 2] =
            (mean[pools - 2] * weight[pools - 2] + mean[pools - 1] * weight[pools - 1]) / sum;
        weight[pools - 2] = sum;
        count[pools - 2] += count[pools - 1];
        pools--;
      }
    }
    double[] places = new double[n];
    int at = 0;
    for (int pool = 0; pool < pools; pool++) {
      for (int i = 0; i < count[pool]; i++, at++) {
        places[at] = mean[pool] + offset[at];
      }
    }
    return places;
  }

  /** The same with one gap for all, between two ends that leave room for them. */
  static double[] between(double[] wanted, double gap, double least, double most) {
    int n = wanted.length;
    double[] ones = new double[n];
    Arrays.fill(ones, 1);
    double[] gaps = new double[n];
    Arrays.fill(gaps, gap);
    double[] places = apart(wanted, ones, gaps);
    for (int i = 0; i < n; i++) {
      double first = least + i * gap;
      double last = most - (n - 1 - i) * gap;
      places[i] = Math.max(first, Math.min(last, places[i]));
    }
    return places;
  }
}
