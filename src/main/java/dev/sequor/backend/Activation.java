package dev.sequor.backend;

/**
 * Element-wise function: after a dense layer, or by itself. The gradient is taken from {@code y =
 * f(a)} alone, and where there is none by {@code y} there is none by {@code a}, even if the slope
 * is infinite there.
 */
public enum Activation {
  /** {@code f(a) = a}. */
  NONE(0),
  /** {@code f(a) = tanh(a)}. */
  TANH(1),
  /** {@code f(a) = max(0, a)}. */
  RELU(2),
  /** {@code f(a) = 1 / (1 + e^−a)}. */
  SIGMOID(3),
  /** {@code f(a) = a ≥ 0 ? a : e^a − 1} (Clevert et al. 2016, with α = 1). */
  ELU(4),
  /**
   * {@code f(a) = λ (a ≥ 0 ? a : α (e^a − 1))} with λ = 1.0507009873554805 and α =
   * 1.6732632423543772 (Klambauer et al. 2017).
   */
  SELU(5),
  /** {@code f(a) = log(1 + e^a)}. */
  SOFTPLUS(6),
  /** {@code f(a) = a / (1 + |a|)}. */
  SOFTSIGN(7),
  /** {@code f(a) = e^a}; infinite above about 88.7. */
  EXP(8),
  /**
   * {@code f(a) = √a}; NaN of a negative number. The slope at 0 is infinite. Padding is computed
   * like all else, so a sequence that is shorter than its batch may have such values past its end.
   */
  SQRT(9),
  /** {@code f(a) = 1 / a}; infinite at 0, see {@link #SQRT} for what that means for padding. */
  RECIPROCAL(10),
  /**
   * {@code f(a) = max(0, min(1, 0.2a + 0.5))}: the hard sigmoid of ONNX, with its default
   * constants, and of Keras before version 3.
   */
  HARD_SIGMOID(11),
  /**
   * {@code f(a) = relu6(a + 3) / 6 = max(0, min(1, a/6 + 0.5))}: the hard sigmoid of PyTorch and of
   * Keras 3 (Howard et al. 2019).
   */
  HARD_SIGMOID_RELU6(12),
  /** {@code f(a) = a ≥ 0 ? a : 0.01a}, the slope that ONNX and PyTorch have by default. */
  LEAKY_RELU(13);

  private final int number;

  Activation(int number) {
    this.number = number;
  }

  /**
   * The number that native code and kernels know it by ({@code
   * native/include/sequor/activations.h}).
   */
  public int number() {
    return number;
  }
}
