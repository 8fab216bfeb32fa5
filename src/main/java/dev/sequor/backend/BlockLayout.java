package dev.sequor.backend;

import dev.sequor.backend.ParameterLayout.Kind;

/**
 * Where the parameters of one layer and direction of a stack without {@link CellOptions} lie, in
 * elements from the start of its block. {@link ParameterLayout#block} is the one place that
 * computes it; engines are handed it and assume no order.
 *
 * @param inputWeights of {@code W [G·H,I]}
 * @param recurrentWeights of {@code R [G·H,H]}
 * @param inputBias of {@code bW [G·H]}
 * @param recurrentBias of {@code bR [G·H]}
 * @param peepholes of {@code p [P·H]}; for cells without, where they would lie
 * @param elements of the whole block
 */
public record BlockLayout(
    long inputWeights,
    long recurrentWeights,
    long inputBias,
    long recurrentBias,
    long peepholes,
    long elements) {

  /** First element of {@code kind}. */
  public long offset(Kind kind) {
    return switch (kind) {
      case INPUT_WEIGHTS -> inputWeights;
      case RECURRENT_WEIGHTS -> recurrentWeights;
      case INPUT_BIAS -> inputBias;
      case RECURRENT_BIAS -> recurrentBias;
      case PEEPHOLES -> peepholes;
      case PROJECTION, INPUT_GAIN, RECURRENT_GAIN, CELL_GAIN, CELL_BIAS ->
          throw new IllegalArgumentException(kind + " is asked for of a block without options");
    };
  }
}
