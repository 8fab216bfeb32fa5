package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementaryFunctionsTest {
  /** Every 1009th finite float: all exponents, both signs. */
  @Test
  void tanhIsWithinStatedErrorOfDoubleTanh() {
    for (long bits = 0; bits < 0x7F800000L; bits += 1009) {
      float x = Float.intBitsToFloat((int) bits);
      double expected = Math.tanh(x);
      double error = Math.abs(ElementaryFunctions.tanh(x) - expected);
      assertTrue(error <= 1.8e-7, () -> "tanh(" + x + ") is off by " + error);
      // Below the normal numbers the error is that of rounding to them.
      double bound = Math.max(3.2e-7 * expected, Float.MIN_VALUE);
      assertTrue(error <= bound, () -> "tanh(" + x + ") is off by " + error + " > " + bound);
      assertEquals(-ElementaryFunctions.tanh(x), ElementaryFunctions.tanh(-x));
    }
  }

  @Test
  void sigmoidIsWithinStatedErrorOfDoubleSigmoid() {
    for (long bits = 0; bits < 0x7F800000L; bits += 1009) {
      float magnitude = Float.intBitsToFloat((int) bits);
      for (float x : new float[] {magnitude, -magnitude}) {
        double error = Math.abs(ElementaryFunctions.sigmoid(x) - 1 / (1 + Math.exp(-x)));
        assertTrue(error <= 1.2e-7, () -> "sigmoid(" + x + ") is off by " + error);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {9.3f, 30f, 1e20f, Float.MAX_VALUE, Float.POSITIVE_INFINITY})
  void saturatesExactly(float x) {
    assertEquals(1f, ElementaryFunctions.tanh(x));
    assertEquals(-1f, ElementaryFunctions.tanh(-x));
    assertEquals(1f, ElementaryFunctions.sigmoid(2 * x));
    assertEquals(0f, ElementaryFunctions.sigmoid(-2 * x));
  }

  @Test
  void nanStaysNan() {
    assertTrue(Float.isNaN(ElementaryFunctions.tanh(Float.NaN)));
    assertTrue(Float.isNaN(ElementaryFunctions.sigmoid(Float.NaN)));
  }

  @Test
  void tanhNeverLeavesTheUnitInterval() {
    for (float x = 0; x < 12; x += 0x1p-14f) {
      assertTrue(Math.abs(ElementaryFunctions.tanh(x)) <= 1f);
    }
  }
}
