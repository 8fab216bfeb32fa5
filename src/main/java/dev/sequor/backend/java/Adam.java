package dev.sequor.backend.java;

/**
 * {@code g += decay·w}, or of AdamW {@code w −= lr·decay·w}; {@code m = β₁m + (1−β₁)g; v = β₂v +
 * (1−β₂)g²; w −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)}.
 */
final class Adam implements RowUpdate {
  private final boolean decoupled;

  /** Adam, or AdamW if its weight decay is {@code decoupled} from the gradient. */
  Adam(boolean decoupled) {
    this.decoupled = decoupled;
  }

  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] m = rows.m;
    int wAt = rows.wAt;
    int mAt = rows.momentAt(0);
    int vAt = rows.momentAt(1);
    float rate = rows.learningRate;
    float beta1 = rows.constant(0);
    float beta2 = rows.constant(1);
    float epsilon = rows.constant(2);
    float decay = decoupled ? 0f : rows.constant(3);
    float keep = decoupled ? (float) (1.0 - (double) rate * rows.constant(3)) : 1f;
    float rate1 = (float) (rate / (1 - Math.pow(beta1, rows.t)));
    float scale2 = (float) (1 / Math.sqrt(1 - Math.pow(beta2, rows.t)));
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i) + decay * w[wAt + i];
      float mean = beta1 * m[mAt + i] + (1f - beta1) * gradient;
      float variance = beta2 * m[vAt + i] + (1f - beta2) * gradient * gradient;
      m[mAt + i] = mean;
      m[vAt + i] = variance;
      float root = (float) Math.sqrt(variance) * scale2;
      w[wAt + i] = w[wAt + i] * keep - rate1 * mean / (root + epsilon);
    }
  }
}
