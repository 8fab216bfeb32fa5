package dev.sequor.backend.options;

/**
 * How a step's results become the next state, the output and the operand of the next product.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param stateSize {@code P}, the width of {@code h}
 * @param hiddenSize {@code H}, the width of {@code c}
 * @param hasCell whether there is a {@code c}
 * @param reverse whether steps are counted from each sequence's end
 * @param outputStride columns of {@code y}
 * @param operandIsCell whether {@code R} is multiplied with {@code c}
 * @param training whether zoneout and dropout draw numbers, rather than take their means
 * @param hiddenZoneout see {@link dev.sequor.backend.CellOptions}
 * @param hiddenStream added to the key's stream, for these numbers
 * @param cellZoneout see {@link dev.sequor.backend.CellOptions}
 * @param cellStream likewise
 * @param dropout of the operand, the same elements in all steps; 0 for none, and in inference
 * @param dropoutStream likewise
 */
public record StateRules(
    int timeSteps,
    int batchSize,
    int stateSize,
    int hiddenSize,
    boolean hasCell,
    boolean reverse,
    int outputStride,
    boolean operandIsCell,
    boolean training,
    float hiddenZoneout,
    int hiddenStream,
    float cellZoneout,
    int cellStream,
    float dropout,
    int dropoutStream) {

  /** As native code reads it: {@code struct StateRules} of options.h. */
  public int[] words() {
    return new int[] {
      timeSteps,
      batchSize,
      stateSize,
      hiddenSize,
      hasCell ? 1 : 0,
      reverse ? 1 : 0,
      outputStride,
      operandIsCell ? 1 : 0,
      training ? 1 : 0,
      Float.floatToRawIntBits(hiddenZoneout),
      hiddenStream,
      Float.floatToRawIntBits(cellZoneout),
      cellStream,
      Float.floatToRawIntBits(dropout),
      dropoutStream
    };
  }
}
