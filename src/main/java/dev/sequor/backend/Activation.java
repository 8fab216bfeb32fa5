package dev.sequor.backend;

/** Element-wise function after a dense layer. */
public enum Activation {
  /** {@code f(a) = a}. */
  NONE,
  /** {@code f(a) = tanh(a)}. */
  TANH,
  /** {@code f(a) = max(0, a)}. */
  RELU
}
