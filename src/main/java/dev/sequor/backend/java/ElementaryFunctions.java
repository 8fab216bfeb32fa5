package dev.sequor.backend.java;

/**
 * Logistic function and hyperbolic tangent in the operations that C2 vectorises, with all their
 * digits where they are nearly 0 and nearly ±1: a gate that is almost open differs from 1 by what
 * its float32 has no digits for, and its gradient is made of nothing else.
 *
 * <p>Both are taken from the <em>odds</em> {@code q = ±(e^|a| − 1)}, with the sign of {@code a},
 * which keep everything in one number:
 *
 * <pre>
 *   σ(a)     = (max(q,0) + 1) / (|q| + 2)     slope (|q| + 1) / (|q| + 2)²
 *   1 − σ(a) = (max(−q,0) + 1) / (|q| + 2)
 *   tanh(a/2) = q / (|q| + 2)                 slope 4 (|q| + 1) / (|q| + 2)²
 * </pre>
 *
 * {@code e^|a| − 1} is a Taylor polynomial at {@code |a|/128}, then doubled in its argument seven
 * times by {@code m² + 2m}. C2 gives up on one loop with all of that, so there are three. Measured
 * over all exponents: tanh is within 1e-6 of its value, and so are σ and 1 − σ while {@code |a|} is
 * below 4; beyond, the error of the smaller one grows as {@code |a|} does, which is what a rounding
 * of {@code a} makes of it. NaN gives NaN; beyond ±87 values stay as they are and slopes are 0.
 */
final class ElementaryFunctions {
  /** The furthest argument: its odds, and their inverse, are still normal numbers. */
  private static final float FARTHEST = 87f;

  /** A little more than {@code e^−87}: a slope that is not larger is zero. */
  private static final float SATURATED = 0x1p-125f;

  /** Makes every normal number at least 1. */
  private static final float HUGE = 0x1p127f;

  private ElementaryFunctions() {}

  /** {@code a = odds(a)}, of the first {@code n}; {@code scratch} is overwritten. */
  static void odds(float[] a, float[] scratch, int n) {
    for (int j = 0; j < n; j++) {
      float u = Math.min(FARTHEST, Math.abs(a[j])) * (1f / 128);
      float p = u * (1f / 40320) + 1f / 5040;
      p = p * u + 1f / 720;
      p = p * u + 1f / 120;
      p = p * u + 1f / 24;
      p = p * u + 1f / 6;
      p = p * u + 0.5f;
      scratch[j] = u + u * (u * p);
    }
    for (int j = 0; j < n; j++) {
      float m = scratch[j];
      m = m * m + (m + m);
      m = m * m + (m + m);
      m = m * m + (m + m);
      m = m * m + (m + m);
      m = m * m + (m + m);
      m = m * m + (m + m);
      scratch[j] = m * m + (m + m);
    }
    for (int j = 0; j < n; j++) {
      a[j] = scratch[j] * Math.max(-1f, Math.min(1f, a[j] * HUGE));
    }
  }

  /** {@code σ} of what has these odds. */
  static float sigmoid(float odds) {
    return (Math.max(0f, odds) + 1f) / (Math.abs(odds) + 2f);
  }

  /** {@code 1 − σ}. */
  static float sigmoidRest(float odds) {
    return (Math.max(0f, -odds) + 1f) / (Math.abs(odds) + 2f);
  }

  /** {@code σ (1 − σ)}. */
  static float sigmoidSlope(float odds) {
    float size = Math.abs(odds);
    float r = 1f / (size + 2f);
    return Math.max(0f, (size * r + r) * r - SATURATED);
  }

  /** {@code tanh} of half of what has these odds. */
  static float tanh(float odds) {
    return odds / (Math.abs(odds) + 2f);
  }

  /** {@code log(1 + e^x)}, in double precision. */
  static double softplus(double x) {
    return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }

  /** {@code 1 − tanh²}. */
  static float tanhSlope(float odds) {
    float size = Math.abs(odds);
    float r = 1f / (size + 2f);
    return 4f * Math.max(0f, (size * r + r) * r - SATURATED);
  }
}
