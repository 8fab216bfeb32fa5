package dev.sequor.backend.java;

/**
 * {@code Σ (1−t)·softplus(a) + p·t·softplus(−a)} with {@code softplus(a) = max(a,0) + log(1 +
 * exp(−|a|))}; gradient {@code σ(a)·(1 − t + p·t) − p·t}.
 */
final class WeightedBinaryCrossEntropy implements RowLoss {
  @Override
  public double run(LossRow row) {
    double loss = 0;
    for (int j = 0; j < row.n; j++) {
      double value = row.a[row.at + j];
      double target = row.t[row.tAt + j];
      double positive = row.constants[0] * target;
      double power = Math.exp(-Math.abs(value));
      double rest = Math.log1p(power);
      loss += (1 - target) * (Math.max(value, 0) + rest) + positive * (Math.max(-value, 0) + rest);
      if (row.d != null) {
        double sigmoid = (value >= 0 ? 1 : power) / (1 + power);
        row.d[row.dAt + j] = (float) (row.scale * (sigmoid * (1 - target + positive) - positive));
      }
    }
    return loss;
  }
}
