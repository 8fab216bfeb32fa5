package dev.sequor.backend.java;

/**
 * {@code g += decay·w; v = momentum·v + g; w −= lr·v}, or of Nesterov's {@code w −= lr·(g +
 * momentum·v)}.
 */
final class Sgd implements RowUpdate {
  private final boolean nesterov;

  /** Plain momentum, or that of Nesterov. */
  Sgd(boolean nesterov) {
    this.nesterov = nesterov;
  }

  @Override
  public void run(UpdateRows rows, int from, int to) {
    float[] w = rows.w;
    float[] m = rows.m;
    int wAt = rows.wAt;
    int mAt = rows.momentAt(0);
    float rate = rows.learningRate;
    float momentum = rows.constant(0);
    float decay = rows.constant(1);
    for (int i = from; i < to; i++) {
      float gradient = rows.gradient(i) + decay * w[wAt + i];
      float velocity = momentum * m[mAt + i] + gradient;
      m[mAt + i] = velocity;
      w[wAt + i] -= rate * (nesterov ? gradient + momentum * velocity : velocity);
    }
  }
}
