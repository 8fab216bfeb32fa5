package dev.sequor.model;

/**
 * Bounds on the gradient before an update: first the whole gradient is scaled to {@code globalNorm}
 * (Pascanu, Mikolov and Bengio 2013), then each element is clamped to ±{@code value}.
 *
 * @param globalNorm largest Euclidean norm; 0 for no bound
 * @param value largest magnitude of an element; 0 for no bound
 */
public record Clipping(float globalNorm, float value) {
  /**
   * Checks the bounds.
   *
   * @throws IllegalArgumentException naming the first that is negative or not finite
   */
  public Clipping {
    bound("globalNorm", globalNorm);
    bound("value", value);
  }

  private static void bound(String name, float bound) {
    if (!(bound >= 0f) || Float.isInfinite(bound)) {
      throw new IllegalArgumentException(
          "clipping "
              + name
              + " is "
              + bound
              + "; needed a finite number greater than 0, or 0 for none");
    }
  }

  /** No clipping. */
  public static Clipping none() {
    return new Clipping(0f, 0f);
  }

  /** By global norm only. */
  public static Clipping byGlobalNorm(float globalNorm) {
    return new Clipping(globalNorm, 0f);
  }

  /** By value only. */
  public static Clipping byValue(float value) {
    return new Clipping(0f, value);
  }
}
