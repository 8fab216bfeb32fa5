package dev.sequor.model;

import dev.sequor.backend.Activation;

/**
 * A hidden dense layer {@code y = f(x Wᵀ + b)}.
 *
 * @param size its outputs
 * @param activation {@code f}
 */
public record DenseSpec(int size, Activation activation) {
  /**
   * Checks the size.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public DenseSpec {
    if (size < 1) {
      throw new IllegalArgumentException("dense layer size is " + size + "; needed at least 1");
    }
  }
}
