package dev.sequor.backend.java;

/** {@code g += decay·w; v += g²; w −= lr·g / (√v + ε)}. */
final class Adagrad implements RowUpdate {
  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] v = rows.m;
    int wAt = rows.wAt;
    int vAt = rows.momentAt(0);
    float rate = rows.learningRate;
    float epsilon = rows.constant(0);
    float decay = rows.constant(1);
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i) + decay * w[wAt + i];
      float sum = v[vAt + i] + gradient * gradient;
      v[vAt + i] = sum;
      w[wAt + i] -= rate * gradient / ((float) Math.sqrt(sum) + epsilon);
    }
  }
}
