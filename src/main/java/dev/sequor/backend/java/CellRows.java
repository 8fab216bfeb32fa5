package dev.sequor.backend.java;

/**
 * What a {@link LayerCell} reads and writes: one array per gate or state, all indexed alike,
 * because C2 vectorises a loop over several arrays only if all are accessed at the same index. An
 * element is one hidden unit of one sequence.
 */
final class CellRows {
  /** {@code W x + bW}, per gate; forward only. */
  final float[][] wx;

  /**
   * {@code R s + bR}, per gate, where {@code s} is the recurrent state; forward only. May be
   * overwritten.
   */
  final float[][] rh;

  /** Peephole weights. */
  final float[][] p;

  /** State before the step. */
  final float[][] state;

  /** State after the step: written by forward, read by backward. */
  final float[][] next;

  /** What forward keeps for backward. */
  final float[][] saved;

  /** Gradient by {@link #next}; backward only, as all that follow. May be overwritten. */
  final float[][] dNext;

  /** Gradient by {@link #wx}. */
  final float[][] dwx;

  /** Gradient by {@link #rh}; the same arrays as {@link #dwx} if the cell says so. */
  final float[][] drh;

  /** Gradient by {@link #state} on the direct path; the driver adds {@code Rᵀ drh}. */
  final float[][] dState;

  /** Gradient by {@link #p} of each element. */
  final float[][] dp;

  CellRows(int gates, int states, int saved, int peepholes, boolean sharedGradient, int elements) {
    this.wx = new float[gates][elements];
    this.rh = new float[gates][elements];
    this.p = new float[peepholes][elements];
    this.state = new float[states][elements];
    this.next = new float[states][elements];
    this.saved = new float[saved][elements];
    this.dNext = new float[states][elements];
    this.dwx = new float[gates][elements];
    this.drh = sharedGradient ? dwx : new float[gates][elements];
    this.dState = new float[states][elements];
    this.dp = new float[peepholes][elements];
  }
}
