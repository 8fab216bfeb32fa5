package dev.sequor.backend;

import dev.sequor.backend.ParameterLayout.Kind;
import java.util.Arrays;

/**
 * The layout of a layer's parameters beside one that has them in another order and with gaps, so
 * that whoever assumes an order is found out.
 */
public record PermutedBlock(ParameterLayout layout, BlockLayout standard, BlockLayout permuted) {
  private static final int GAP = 3;

  /** Both for the single layer of a stack of one. */
  public static PermutedBlock of(CellType cell, int inputSize, int hiddenSize) {
    ParameterLayout layout = new ParameterLayout(cell, 1, 1, inputSize, hiddenSize);
    long recurrentBias = GAP;
    long peepholes = recurrentBias + layout.elements(Kind.RECURRENT_BIAS, 0) + GAP;
    long recurrentWeights = peepholes + layout.elements(Kind.PEEPHOLES, 0) + GAP;
    long inputBias = recurrentWeights + layout.elements(Kind.RECURRENT_WEIGHTS, 0) + GAP;
    long inputWeights = inputBias + layout.elements(Kind.INPUT_BIAS, 0) + GAP;
    long elements = inputWeights + layout.elements(Kind.INPUT_WEIGHTS, 0) + GAP;
    return new PermutedBlock(
        layout,
        layout.block(0),
        new BlockLayout(
            inputWeights, recurrentWeights, inputBias, recurrentBias, peepholes, elements));
  }

  /** A block in the standard order in the other order, with {@code gaps} between. */
  public float[] toPermuted(float[] values, float gaps) {
    float[] result = new float[(int) permuted.elements()];
    Arrays.fill(result, gaps);
    for (Kind kind : Kind.values()) {
      int elements = (int) layout.elements(kind, 0);
      if (elements > 0) { // Only a stack with options has all kinds.
        System.arraycopy(
            values, (int) standard.offset(kind), result, (int) permuted.offset(kind), elements);
      }
    }
    return result;
  }
}
