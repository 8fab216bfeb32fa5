package dev.sequor.backend.java;

/**
 * {@code log Σ exp(a − max) + max − a[target]}, of which no power overflows; gradient {@code
 * softmax(a) − 1[target]}.
 */
final class SoftmaxCrossEntropy implements RowLoss {
  @Override
  public double run(LossRow row) {
    float[] a = row.a;
    float[] powers = row.scratch;
    int at = row.at;
    int n = row.n;
    float max = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < n; j++) {
      max = Math.max(max, a[at + j]);
    }
    double total = 0;
    for (int j = 0; j < n; j++) {
      float power = (float) Math.exp(a[at + j] - max);
      powers[j] = power;
      total += power;
    }
    double loss = Math.log(total) + ((double) max - a[at + row.target]);
    if (row.d != null) {
      float factor = (float) (row.scale / total);
      for (int j = 0; j < n; j++) {
        row.d[row.dAt + j] = powers[j] * factor;
      }
      row.d[row.dAt + row.target] -= row.scale;
    }
    return loss;
  }
}
