package dev.sequor.backend.java;

/**
 * {@code Σ max(a,0) − a·t + log(1 + exp(−|a|))}, which neither overflows nor loses digits; gradient
 * {@code σ(a) − t}.
 */
final class BinaryCrossEntropy implements RowLoss {
  @Override
  public double run(LossRow row) {
    double loss = 0;
    for (int j = 0; j < row.n; j++) {
      double value = row.a[row.at + j];
      float target = row.t[row.tAt + j];
      double power = Math.exp(-Math.abs(value));
      loss += Math.max(value, 0) - value * target + Math.log1p(power);
      if (row.d != null) {
        double sigmoid = (value >= 0 ? 1 : power) / (1 + power);
        row.d[row.dAt + j] = (float) (row.scale * (sigmoid - target));
      }
    }
    return loss;
  }
}
