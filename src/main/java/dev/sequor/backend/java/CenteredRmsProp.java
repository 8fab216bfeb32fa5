package dev.sequor.backend.java;

/**
 * {@code g += decay·w; v = α·v + (1−α)g²; m = α·m + (1−α)g; u = momentum·u + g / (√(v − m²) + ε); w
 * −= lr·u}.
 */
final class CenteredRmsProp implements RowUpdate {
  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] moments = rows.m;
    int wAt = rows.wAt;
    int vAt = rows.momentAt(0);
    int mAt = rows.momentAt(1);
    int uAt = rows.momentAt(2);
    float rate = rows.learningRate;
    float alpha = rows.constant(0);
    float epsilon = rows.constant(1);
    float decay = rows.constant(2);
    float momentum = rows.constant(3);
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i) + decay * w[wAt + i];
      float square = alpha * moments[vAt + i] + (1f - alpha) * gradient * gradient;
      float mean = alpha * moments[mAt + i] + (1f - alpha) * gradient;
      float root = (float) Math.sqrt(Math.max(0f, square - mean * mean));
      float velocity = momentum * moments[uAt + i] + gradient / (root + epsilon);
      moments[vAt + i] = square;
      moments[mAt + i] = mean;
      moments[uAt + i] = velocity;
      w[wAt + i] -= rate * velocity;
    }
  }
}
