package dev.sequor.backend.java;

import dev.sequor.backend.OptimizerStep;

/** What a {@link RowUpdate} reads and writes. */
final class UpdateRows {
  /** Parameters, from {@link #wAt} on. */
  final float[] w;

  final int wAt;

  /** Gradients, from {@link #gAt} on; see {@link #gradient}. */
  final float[] g;

  final int gAt;

  /** Moments, one after the other, each from {@link #momentAt} on. */
  final float[] m;

  private final int mAt;
  private final int count;

  /** {@code lr}. */
  final float learningRate;

  /** {@code t}, the number of the update, skipped ones not counted. */
  final double t;

  private final float scale;
  private final float clip;
  private final float[] numbers;
  private final int numbersAt;

  /**
   * An update of all parameters of a group.
   *
   * @param numbers an {@link OptimizerStep#values()} of each group
   * @param group whose update this is
   * @param skipped updates before this one
   * @param scale factor of the gradient
   */
  UpdateRows(
      JavaMemory numbers,
      int group,
      JavaMemory parameters,
      JavaMemory gradients,
      JavaMemory moments,
      float skipped,
      float scale) {
    this.numbers = numbers.floats();
    this.numbersAt = numbers.offset() + group * OptimizerStep.ELEMENTS;
    this.w = parameters.floats();
    this.wAt = parameters.offset();
    this.count = (int) parameters.elements();
    this.g = gradients.floats();
    this.gAt = gradients.offset();
    this.m = moments.floats();
    this.mAt = moments.offset();
    this.learningRate = number(OptimizerStep.LEARNING_RATE);
    this.t = (double) number(OptimizerStep.STEP) - skipped;
    this.scale = scale;
    float bound = number(OptimizerStep.CLIP_VALUE);
    this.clip = bound > 0 ? bound : Float.POSITIVE_INFINITY;
  }

  private float number(int i) {
    return numbers[numbersAt + i];
  }

  /** Constant {@code i} of the rule. */
  float constant(int i) {
    return number(OptimizerStep.CONSTANTS + i);
  }

  /** Where moment {@code i} starts. */
  int momentAt(int i) {
    return mAt + i * count;
  }

  /** The clipped gradient by parameter {@code i}. */
  float gradient(int i) {
    return Math.max(-clip, Math.min(clip, g[gAt + i] * scale));
  }
}
