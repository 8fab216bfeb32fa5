package dev.sequor.backend.java;

import org.jspecify.annotations.Nullable;

/** What a {@link RowLoss} reads and writes. */
final class LossRow {
  private static final float[] NONE = {};

  /** Outputs {@code a [N]}, from {@link #at} on. */
  float[] a = NONE;

  int at;

  /** {@code N}. */
  int n;

  /** The number of the row's class, where a loss has classes. */
  int target;

  /** Targets {@code t [N]}, from {@link #tAt} on, where it has none. */
  float[] t = NONE;

  int tAt;

  /** Constants of the loss. */
  float[] constants = NONE;

  /** Factor of the gradient. */
  float scale;

  /** Overwritten by the gradient, from {@link #dAt} on, if not null; may be {@link #a}. */
  float @Nullable [] d;

  int dAt;

  /** At least {@code N}, for anything. */
  float[] scratch = NONE;
}
