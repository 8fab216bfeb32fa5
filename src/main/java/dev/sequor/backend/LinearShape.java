package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * A dense layer {@code y = f(x Wᵀ + b)} over {@code rows} rows.
 *
 * @param rows {@code M}, the rows of {@code x} and {@code y}
 * @param inputSize {@code K}; {@code x [M,K]}, {@code W [N,K]}
 * @param outputSize {@code N}; {@code y [M,N]}, {@code b [N]}
 * @param activation {@code f}
 */
public record LinearShape(int rows, int inputSize, int outputSize, Activation activation) {
  /**
   * Checks each size.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public LinearShape {
    atLeastOne("rows", rows);
    atLeastOne("inputSize", inputSize);
    atLeastOne("outputSize", outputSize);
    Required.present("activation", activation);
    Sizes.elements("x", rows, inputSize);
    Sizes.elements("y", rows, outputSize);
    Sizes.product("outputSize · inputSize", Integer.MAX_VALUE, outputSize, inputSize);
  }

  long inputElements() {
    return (long) rows * inputSize;
  }

  long outputElements() {
    return (long) rows * outputSize;
  }

  long weightElements() {
    return (long) outputSize * inputSize;
  }

  @Override
  public String toString() {
    return "a dense layer with M=" + rows + " K=" + inputSize + " N=" + outputSize;
  }
}
