package dev.sequor.backend;

/** Element-wise function: after a dense layer, or by itself. */
public enum Activation {
  /** {@code f(a) = a}. */
  NONE(0),
  /** {@code f(a) = tanh(a)}. */
  TANH(1),
  /** {@code f(a) = max(0, a)}. */
  RELU(2),
  /** {@code f(a) = 1 / (1 + e^−a)}. */
  SIGMOID(3);

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
