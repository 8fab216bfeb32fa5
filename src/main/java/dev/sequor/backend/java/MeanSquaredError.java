package dev.sequor.backend.java;

/** {@code 1/N Σ (a − t)²}; gradient {@code 2/N (a − t)}. */
final class MeanSquaredError implements RowLoss {
  @Override
  public double run(LossRow row) {
    double loss = 0;
    for (int j = 0; j < row.n; j++) {
      double difference = (double) row.a[row.at + j] - row.t[row.tAt + j];
      loss += difference * difference;
      if (row.d != null) {
        row.d[row.dAt + j] = (float) (row.scale * 2 / row.n * difference);
      }
    }
    return loss / row.n;
  }
}
