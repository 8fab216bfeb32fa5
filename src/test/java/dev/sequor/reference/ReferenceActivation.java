package dev.sequor.reference;

import dev.sequor.backend.Activation;
import java.util.Arrays;
import java.util.List;

/** Element-wise functions as they are defined. */
public final class ReferenceActivation {
  /** Those that are finite and tame whatever they are given. */
  public static final List<Activation> ANYWHERE =
      Arrays.stream(Activation.values())
          .filter(f -> !needsPositive(f) && f != Activation.EXP)
          .toList();

  private ReferenceActivation() {}

  /** Whether it has no value, or no finite one, for some numbers that are not positive. */
  public static boolean needsPositive(Activation function) {
    return function == Activation.SQRT || function == Activation.RECIPROCAL;
  }

  /** {@code f(a)}. */
  public static double of(Activation function, double a) {
    return switch (function) {
      case NONE -> a;
      case TANH -> Math.tanh(a);
      case RELU -> Math.max(0, a);
      case SIGMOID -> 1 / (1 + Math.exp(-a));
      case ELU -> a >= 0 ? a : Math.expm1(a);
      case SELU -> 1.0507009873554805 * (a >= 0 ? a : 1.6732632423543772 * Math.expm1(a));
      case SOFTPLUS -> a > 0 ? a + Math.log1p(Math.exp(-a)) : Math.log1p(Math.exp(a));
      case SOFTSIGN -> a / (1 + Math.abs(a));
      case EXP -> Math.exp(a);
      case SQRT -> Math.sqrt(a);
      case RECIPROCAL -> 1 / a;
      case HARD_SIGMOID -> Math.max(0, Math.min(1, 0.2 * a + 0.5));
      case HARD_SIGMOID_RELU6 -> Math.max(0, Math.min(6, a + 3)) / 6;
      case LEAKY_RELU -> a >= 0 ? a : 0.01 * a;
    };
  }

  /** {@code f'(a)}, by a difference. */
  public static double slope(Activation function, double a) {
    double step = 1e-6;
    return (of(function, a + step) - of(function, a - step)) / (2 * step);
  }

  /** {@code f'} as a function of {@code y = f(a)}. */
  public static double slopeGiven(Activation function, double y) {
    return switch (function) {
      case NONE -> 1;
      case TANH -> 1 - y * y;
      case RELU -> y > 0 ? 1 : 0;
      case SIGMOID -> y * (1 - y);
      case ELU -> y >= 0 ? 1 : y + 1;
      case SELU -> y >= 0 ? 1.0507009873554805 : y + 1.0507009873554805 * 1.6732632423543772;
      case SOFTPLUS -> 1 - Math.exp(-y);
      case SOFTSIGN -> Math.pow(1 - Math.abs(y), 2);
      case EXP -> y;
      case SQRT -> 1 / (2 * y);
      case RECIPROCAL -> -y * y;
      case HARD_SIGMOID -> y > 0 && y < 1 ? 0.2 : 0;
      case HARD_SIGMOID_RELU6 -> y > 0 && y < 1 ? 1.0 / 6 : 0;
      case LEAKY_RELU -> y >= 0 ? 1 : 0.01;
    };
  }
}
