package dev.sequor.backend;

/**
 * Four floats on a device that pass from one {@linkplain Backend#optimizerStep update} to the next
 * without the host: so that any number of steps can be queued before the host looks.
 *
 * <p>The loss scale is for half precision (Micikevicius et al., "Mixed precision training", ICLR
 * 2018): the gradient of the loss is multiplied by it, and divided again before clipping. It halves
 * when the gradient's norm is not finite, and doubles after 2000 updates in which it was. A scale
 * of 1 means no scaling, and stays.
 */
public final class UpdateReport {
  /** The number of floats. */
  public static final int ELEMENTS = 4;

  /** Overwritten: the Euclidean norm of the gradients before clipping, the loss scale taken out. */
  public static final int NORM = 0;

  /**
   * Updates that were skipped since the host set this to 0, each because the norm was not finite.
   * {@link OptimizerStep#step()} minus this is the {@code t} of the update.
   */
  public static final int SKIPPED = 1;

  /** The loss scale of the next step. */
  public static final int LOSS_SCALE = 2;

  /** Updates since the loss scale last changed. */
  public static final int UPDATES_SINCE_SCALED = 3;

  /** After so many updates without a skipped one the loss scale doubles. */
  public static final int UPDATES_TO_DOUBLE = 2000;

  /** The loss scale to start from where {@link Backend#wantsLossScaling()}. */
  public static final float FIRST_LOSS_SCALE = 65536f;

  private UpdateReport() {}

  /**
   * Checks that {@code buffer} has room for a report.
   *
   * @throws IllegalArgumentException if not
   */
  public static Buffer require(Buffer buffer) {
    if (buffer.type() != DType.FLOAT32 || buffer.elements() < ELEMENTS) {
      throw new IllegalArgumentException(
          "the update report is a " + buffer + "; needed " + ELEMENTS + " FLOAT32");
    }
    return buffer;
  }

  /** Before the first update. */
  public static float[] initial(float lossScale) {
    return of(lossScale, 0);
  }

  /** With nothing skipped, and {@code lossScale} unchanged for so many updates. */
  public static float[] of(float lossScale, long updatesSinceScaled) {
    return new float[] {0f, 0f, lossScale, updatesSinceScaled};
  }
}
