package dev.sequor.backend.java;

/** {@code g += decay·w; v = α·v + (1−α)g²; w −= lr·g / (√v + ε)}. */
final class RmsProp implements RowUpdate {
  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] v = rows.m;
    int wAt = rows.wAt;
    int vAt = rows.momentAt(0);
    float rate = rows.learningRate;
    float alpha = rows.constant(0);
    float epsilon = rows.constant(1);
    float decay = rows.constant(2);
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i) + decay * w[wAt + i];
      float square = alpha * v[vAt + i] + (1f - alpha) * gradient * gradient;
      v[vAt + i] = square;
      w[wAt + i] -= rate * gradient / ((float) Math.sqrt(square) + epsilon);
    }
  }
}
