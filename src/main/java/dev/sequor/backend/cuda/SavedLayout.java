package dev.sequor.backend.cuda;

/**
 * Where forward of one direction of one layer keeps what backward needs. All offsets are in bytes;
 * each part starts on a 256-byte boundary.
 *
 * @param states {@code [S][T][B][Hp]}, the states before each step
 * @param gates {@code [T][B][K][Hp]}
 * @param operands {@code [T][B][Hp]} of the math mode's type, the state that {@code R} multiplies;
 *     in float32 that is the state itself
 * @param gated {@code [T][B][Hp]} of the math mode's type, what the second product multiplies
 * @param bytes of everything
 */
record SavedLayout(long states, long gates, long operands, long gated, long bytes) {
  private static final int ALIGNMENT = 256;

  static SavedLayout of(CudaCell cell, LayerSizes sizes, MathMode mode) {
    long units = sizes.timeSteps() * sizes.stateElements();
    long gates = aligned(units * cell.states() * Float.BYTES);
    long gatesEnd = gates + aligned(units * cell.saved() * Float.BYTES);
    long operands = mode == MathMode.FP32 ? 0 : gatesEnd;
    long operandsEnd =
        mode == MathMode.FP32 ? gatesEnd : gatesEnd + aligned(units * mode.operandBytes());
    long gatedEnd = operandsEnd + (cell.twoProducts() ? aligned(units * mode.operandBytes()) : 0);
    return new SavedLayout(0, gates, operands, operandsEnd, gatedEnd);
  }

  static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
