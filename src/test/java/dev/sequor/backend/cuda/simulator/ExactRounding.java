package dev.sequor.backend.cuda.simulator;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** What one rounding of an exact result gives, computed with decimal numbers of any length. */
final class ExactRounding {
  /** As PTX names them. */
  enum Mode {
    RN,
    RZ,
    RM,
    RP;

    /** Of an exact zero that is the sum of numbers with different signs. */
    double zero() {
      return this == RM ? -0.0 : 0.0;
    }

    RoundingMode integral() {
      return switch (this) {
        case RN -> RoundingMode.HALF_EVEN;
        case RZ -> RoundingMode.DOWN;
        case RM -> RoundingMode.FLOOR;
        case RP -> RoundingMode.CEILING;
      };
    }

    private boolean mustGoDown(int candidateToExact, int sign) {
      return switch (this) {
        case RN -> false;
        case RZ -> sign > 0 && candidateToExact > 0;
        case RM -> candidateToExact > 0;
        case RP -> false;
      };
    }

    private boolean mustGoUp(int candidateToExact, int sign) {
      return switch (this) {
        case RN -> false;
        case RZ -> sign < 0 && candidateToExact < 0;
        case RM -> false;
        case RP -> candidateToExact < 0;
      };
    }
  }

  private ExactRounding() {}

  /** The exact number must not be zero. */
  static float toFloat(BigDecimal exact, Mode mode) {
    float candidate = exact.floatValue();
    int comparison =
        Float.isInfinite(candidate) ? exact.signum() : new BigDecimal(candidate).compareTo(exact);
    if (mode.mustGoDown(comparison, exact.signum())) {
      return Math.nextDown(candidate);
    }
    return mode.mustGoUp(comparison, exact.signum()) ? Math.nextUp(candidate) : candidate;
  }

  /** The exact number must not be zero. */
  static double toDouble(BigDecimal exact, Mode mode) {
    double candidate = exact.doubleValue();
    int comparison =
        Double.isInfinite(candidate) ? exact.signum() : new BigDecimal(candidate).compareTo(exact);
    if (mode.mustGoDown(comparison, exact.signum())) {
      return Math.nextDown(candidate);
    }
    return mode.mustGoUp(comparison, exact.signum()) ? Math.nextUp(candidate) : candidate;
  }

  static float add(float a, float b, Mode mode) {
    float plain = a + b;
    if (!Float.isFinite(a) || !Float.isFinite(b)) {
      return plain;
    }
    BigDecimal exact = new BigDecimal(a).add(new BigDecimal(b));
    return exact.signum() == 0 ? zero(a, b, mode) : toFloat(exact, mode);
  }

  static double add(double a, double b, Mode mode) {
    double plain = a + b;
    if (!Double.isFinite(a) || !Double.isFinite(b)) {
      return plain;
    }
    BigDecimal exact = new BigDecimal(a).add(new BigDecimal(b));
    return exact.signum() == 0 ? zero((float) a, (float) b, mode) : toDouble(exact, mode);
  }

  /** The sum of two numbers that cancel, or of two zeros; underflow to zero does no harm here. */
  private static float zero(float a, float b, Mode mode) {
    boolean bothNegative = Float.floatToRawIntBits(a) < 0 && Float.floatToRawIntBits(b) < 0;
    boolean bothPositive = Float.floatToRawIntBits(a) >= 0 && Float.floatToRawIntBits(b) >= 0;
    return bothNegative ? -0.0f : bothPositive ? 0.0f : (float) mode.zero();
  }

  static float multiply(float a, float b, Mode mode) {
    float plain = a * b;
    if (!Float.isFinite(a) || !Float.isFinite(b) || a == 0 || b == 0) {
      return plain;
    }
    return toFloat(new BigDecimal(a).multiply(new BigDecimal(b)), mode);
  }

  static double multiply(double a, double b, Mode mode) {
    double plain = a * b;
    if (!Double.isFinite(a) || !Double.isFinite(b) || a == 0 || b == 0) {
      return plain;
    }
    return toDouble(new BigDecimal(a).multiply(new BigDecimal(b)), mode);
  }

  static float fma(float a, float b, float c, Mode mode) {
    if (!Float.isFinite(a) || !Float.isFinite(b) || !Float.isFinite(c)) {
      return Math.fma(a, b, c);
    }
    BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    if (exact.signum() == 0) {
      return zero(Math.copySign(1f, a) * Math.copySign(1f, b), c, mode);
    }
    return toFloat(exact, mode);
  }

  static double fma(double a, double b, double c, Mode mode) {
    if (!Double.isFinite(a) || !Double.isFinite(b) || !Double.isFinite(c)) {
      return Math.fma(a, b, c);
    }
    BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    if (exact.signum() == 0) {
      float sign = (float) (Math.copySign(1, a) * Math.copySign(1, b));
      return zero(sign, (float) Math.copySign(1, c), mode);
    }
    return toDouble(exact, mode);
  }
}
