package dev.sequor.backend.java;

/**
 * {@code log Σ exp(a − max) + max − (1−ε)·a[target] − ε/N·Σ a}; gradient {@code softmax(a) −
 * (1−ε)·1[target] − ε/N}.
 */
final class LabelSmoothedCrossEntropy implements RowLoss {
  private final SoftmaxCrossEntropy hard = new SoftmaxCrossEntropy();

  @Override
  public double run(LossRow row) {
    double smoothing = row.constants[0];
    double sum = 0;
    for (int j = 0; j < row.n; j++) {
      sum += row.a[row.at + j];
    }
    double target = row.a[row.at + row.target]; // Before the gradient, which may take its place.
    double loss = hard.run(row) + smoothing * (target - sum / row.n);
    if (row.d != null) {
      float all = (float) (row.scale * smoothing / row.n);
      for (int j = 0; j < row.n; j++) {
        row.d[row.dAt + j] -= all;
      }
      row.d[row.dAt + row.target] += (float) (row.scale * smoothing);
    }
    return loss;
  }
}
