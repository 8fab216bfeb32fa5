package dev.sequor.backend.java;

import dev.sequor.backend.Activation;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** Element-wise functions, over runs of elements; twin of {@code activations.h}. */
final class Activations {
  /** Elements that are squashed at once. */
  private static final int BLOCK = 512;

  /** λ of SELU. */
  private static final double SELU_SCALE = 1.0507009873554805;

  /** λα of SELU. */
  private static final double SELU_FLOOR = 1.7580993408473766;

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
      default -> {
        DoubleUnaryOperator function = Single.of(activation).value;
        for (int i = 0; i < count; i++) {
          y[yAt + i] = (float) function.applyAsDouble(x[xAt + i]);
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
      default -> {
        DoubleBinaryOperator gradient = Single.of(activation).gradient;
        for (int i = 0; i < count; i++) {
          dx[dxAt + i] = (float) gradient.applyAsDouble(y[yAt + i], dy[dyAt + i]);
        }
      }
    }
  }

  /**
   * One that is computed element by element, in double precision.
   *
   * @param gradient {@code dy·f'(a)}, given {@code y} and {@code dy}
   */
  private record Single(DoubleUnaryOperator value, DoubleBinaryOperator gradient) {
    static Single of(Activation activation) {
      return switch (activation) {
        case NONE, TANH, RELU, SIGMOID ->
            throw new IllegalArgumentException(activation + " has loops of its own");
        case ELU ->
            new Single(a -> a < 0 ? Math.expm1(a) : a, (y, dy) -> y < 0 ? dy * (1 + y) : dy);
        case SELU ->
            new Single(
                a -> a < 0 ? SELU_FLOOR * Math.expm1(a) : SELU_SCALE * a,
                (y, dy) -> dy * (y < 0 ? SELU_FLOOR + y : SELU_SCALE));
        case SOFTPLUS ->
            new Single(ElementaryFunctions::softplus, (y, dy) -> -(dy * Math.expm1(-y)));
        case SOFTSIGN ->
            new Single(
                a -> a / (1 + Math.abs(a)),
                (y, dy) -> dy * ((1 - Math.abs(y)) * (1 - Math.abs(y))));
        case EXP -> new Single(Math::exp, (y, dy) -> dy == 0 ? 0 : dy * y);
        case SQRT -> new Single(Math::sqrt, (y, dy) -> dy == 0 ? 0 : dy / (y + y));
        case RECIPROCAL -> new Single(a -> 1 / a, (y, dy) -> dy == 0 ? 0 : -(dy * y * y));
        case HARD_SIGMOID -> hardSigmoid(0.2);
        case HARD_SIGMOID_RELU6 -> hardSigmoid(1.0 / 6);
        case LEAKY_RELU -> new Single(a -> a < 0 ? 0.01 * a : a, (y, dy) -> y < 0 ? 0.01 * dy : dy);
      };
    }

    private static Single hardSigmoid(double slope) {
      return new Single(
          a -> Math.max(0, Math.min(1, slope * a + 0.5)),
          (y, dy) -> y <= 0 || y >= 1 ? 0 : slope * dy);
    }
  }
}
