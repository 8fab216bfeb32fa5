package dev.sequor.backend.java;

/** {@code w −= lr·decay·w; w −= lr·sign(β₁m + (1−β₁)g); m = β₂m + (1−β₂)g}. */
final class Lion implements RowUpdate {
  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] m = rows.m;
    int wAt = rows.wAt;
    int mAt = rows.momentAt(0);
    float rate = rows.learningRate;
    float beta1 = rows.constant(0);
    float beta2 = rows.constant(1);
    float decay = rate * rows.constant(2);
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i);
      float way = beta1 * m[mAt + i] + (1f - beta1) * gradient;
      w[wAt + i] = w[wAt + i] - decay * w[wAt + i] - rate * Math.signum(way);
      m[mAt + i] = beta2 * m[mAt + i] + (1f - beta2) * gradient;
    }
  }
}
