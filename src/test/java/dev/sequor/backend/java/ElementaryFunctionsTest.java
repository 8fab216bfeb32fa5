package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementaryFunctionsTest {
  private static final double RELATIVE = 1e-6;

  /** A slope is a square. */
  private static final double OF_SLOPES = 1.6e-6;

  /** Smaller numbers may be zero. */
  private static final double TINY = 2e-37;

  private interface FloatFunction {
    float apply(float odds);
  }

  private static float odds(float a) {
    float[] values = {a};
    ElementaryFunctions.odds(values, new float[1], 1);
    return values[0];
  }

  /**
   * Every 1009th finite float, of all exponents and both signs, against the double value: relative
   * to it, however small it is, as far as the arguments are told apart.
   */
  private static void check(
      String name,
      FloatFunction function,
      float factor,
      DoubleUnaryOperator exact,
      double relative) {
    for (long bits = 0; bits < 0x7F800000L; bits += 1009) {
      float size = Float.intBitsToFloat((int) bits);
      for (float x : new float[] {size, -size}) {
        double expected = exact.applyAsDouble(Math.max(-87, Math.min(87, (double) factor * x)));
        double error = Math.abs(function.apply(odds(factor * x)) - expected);
        double growth = Math.max(4, Math.min(87, Math.abs((double) factor * x))) / 4;
        double bound = Math.max(relative * growth * Math.abs(expected), TINY);
        assertTrue(error <= bound, () -> name + "(" + x + ") is off by " + error + " > " + bound);
      }
    }
  }

  private static double sigma(double a) {
    return 1 / (1 + Math.exp(-a));
  }

  private static double slope(double a) {
    return 1 / ((1 + Math.exp(-a)) * (1 + Math.exp(a)));
  }

  @Test
  void sigmoidIsWithinStatedErrorOfDoubleSigmoid() {
    check("sigmoid", ElementaryFunctions::sigmoid, 1, ElementaryFunctionsTest::sigma, RELATIVE);
  }

  @Test
  void whatIsLeftOfASigmoidToOneHasAllItsDigits() {
    check("sigmoidRest", ElementaryFunctions::sigmoidRest, 1, a -> sigma(-a), RELATIVE);
    check(
        "sigmoidSlope",
        ElementaryFunctions::sigmoidSlope,
        1,
        ElementaryFunctionsTest::slope,
        OF_SLOPES);
  }

  @Test
  void tanhIsWithinStatedErrorOfDoubleTanh() {
    check("tanh", ElementaryFunctions::tanh, 2, a -> Math.tanh(a / 2), RELATIVE);
  }

  @Test
  void theSlopeOfTanhHasAllItsDigits() {
    check("tanhSlope", ElementaryFunctions::tanhSlope, 2, a -> 4 * slope(a), OF_SLOPES);
  }

  @ParameterizedTest
  @ValueSource(floats = {100f, 1e20f, Float.MAX_VALUE, Float.POSITIVE_INFINITY})
  void saturates(float a) {
    assertEquals(1f, ElementaryFunctions.tanh(odds(a)));
    assertEquals(-1f, ElementaryFunctions.tanh(odds(-a)));
    assertEquals(1f, ElementaryFunctions.sigmoid(odds(a)));
    assertEquals(0f, ElementaryFunctions.sigmoid(odds(-a)), 1e-37f);
    assertEquals(0f, ElementaryFunctions.sigmoidRest(odds(a)), 1e-37f);
    assertEquals(0f, ElementaryFunctions.sigmoidSlope(odds(a)));
    assertEquals(0f, ElementaryFunctions.tanhSlope(odds(-a)));
  }

  @Test
  void nanStaysNan() {
    float odds = odds(Float.NaN);
    assertTrue(Float.isNaN(ElementaryFunctions.tanh(odds)));
    assertTrue(Float.isNaN(ElementaryFunctions.tanhSlope(odds)));
    assertTrue(Float.isNaN(ElementaryFunctions.sigmoid(odds)));
    assertTrue(Float.isNaN(ElementaryFunctions.sigmoidRest(odds)));
    assertTrue(Float.isNaN(ElementaryFunctions.sigmoidSlope(odds)));
  }

  @Test
  void tanhNeverLeavesTheUnitInterval() {
    for (float x = 0; x < 12; x += 0x1p-10f) {
      assertTrue(Math.abs(ElementaryFunctions.tanh(odds(2 * x))) <= 1f);
    }
  }
}
