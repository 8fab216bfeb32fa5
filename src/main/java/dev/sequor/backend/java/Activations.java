package dev.sequor.backend.java;

import dev.sequor.backend.Activation;

/** Element-wise functions, over runs of elements. */
final class Activations {
  /** Elements that are squashed at once. */
  private static final int BLOCK = 512;

  private Activations() {}

  /** {@code y = f(x)} of {@code count} elements; {@code y} may be {@code x}. */
  static void apply(Activation activation, float[] x, int xAt, float[] y, int yAt, int count) {
    switch (activation) {
      case NONE -> System.arraycopy(x, xAt, y, yAt, count);
      case TANH -> {
        float[] values = new float[Math.min(BLOCK, count)];
        float[] scratch = new float[values.length];
        for (int block = 0; block < count; block += BLOCK) {
          int n = Math.min(BLOCK, count - block);
          for (int i = 0; i < n; i++) {
            values[i] = 2f * x[xAt + block + i];
          }
          ElementaryFunctions.odds(values, scratch, n);
          for (int i = 0; i < n; i++) {
            y[yAt + block + i] = ElementaryFunctions.tanh(values[i]);
          }
        }
      }
      case RELU -> {
        for (int i = 0; i < count; i++) {
          y[yAt + i] = Math.max(0f, x[xAt + i]);
        }
      }
      case SIGMOID -> {
        float[] values = new float[Math.min(BLOCK, count)];
        float[] scratch = new float[values.length];
        for (int block = 0; block < count; block += BLOCK) {
          int n = Math.min(BLOCK, count - block);
          System.arraycopy(x, xAt + block, values, 0, n);
          ElementaryFunctions.odds(values, scratch, n);
          for (int i = 0; i < n; i++) {
            y[yAt + block + i] = ElementaryFunctions.sigmoid(values[i]);
          }
        }
      }
    }
  }

  /** {@code dx = dy∘f'}, from {@code y = f(a)}; {@code dx} may be {@code dy}. */
  static void gradient(
      Activation activation,
      float[] y,
      int yAt,
      float[] dy,
      int dyAt,
      float[] dx,
      int dxAt,
      int count) {
    switch (activation) {
      case NONE -> System.arraycopy(dy, dyAt, dx, dxAt, count);
      case TANH -> {
        for (int i = 0; i < count; i++) {
          dx[dxAt + i] = dy[dyAt + i] * ((1f - y[yAt + i]) * (1f + y[yAt + i]));
        }
      }
      case RELU -> {
        for (int i = 0; i < count; i++) {
          dx[dxAt + i] = y[yAt + i] <= 0f ? 0f : dy[dyAt + i];
        }
      }
      case SIGMOID -> {
        for (int i = 0; i < count; i++) {
          dx[dxAt + i] = dy[dyAt + i] * (y[yAt + i] * (1f - y[yAt + i]));
        }
      }
    }
  }
}
