package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The vector activations over every float32 exponent, on every instruction set of this machine. */
class CpuActivationTest {
  private static final int SIGMOID = 0;
  private static final int TANH = 1;

  /** Mantissas tried per exponent and sign: evenly spaced, both ends of the binade among them. */
  private static final int MANTISSAS = 4096;

  /** Below this, a sigmoid's result may be off by this much: the exponent is clamped at 87. */
  private static final double SIGMOID_TAIL = 2e-38;

  private static void assumeUsable() {
    Availability availability = new CpuBackendProvider().probe();
    assumeTrue(availability.usable(), availability::reason);
  }

  private static CpuEngine engine(String instructionSet) {
    assumeUsable();
    try {
      return new CpuEngine(instructionSet, 1);
    } catch (RuntimeException e) {
      assumeTrue(false, e.getMessage());
      throw e;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"AVX-512", "AVX2", "baseline"})
  void sigmoidIsWithinFourUlp(String instructionSet) {
    double worst = worstUlp(instructionSet, SIGMOID, x -> 1 / (1 + Math.exp(-x)), SIGMOID_TAIL);
    assertTrue(worst <= 4, "worst error in ulp: " + worst);
  }

  @ParameterizedTest
  @ValueSource(strings = {"AVX-512", "AVX2", "baseline"})
  void tanhIsWithinFourUlp(String instructionSet) {
    double worst = worstUlp(instructionSet, TANH, Math::tanh, 0);
    assertTrue(worst <= 4, "worst error in ulp: " + worst);
  }

  private static double worstUlp(
      String instructionSet, int function, DoubleUnaryOperator exact, double tail) {
    float[] x = new float[2 * MANTISSAS];
    double worst = 0;
    CpuEngine engine = engine(instructionSet);
    try (Backend backend = new Backend(engine);
        Buffer in = backend.allocate(DType.FLOAT32, x.length);
        Buffer out = backend.allocate(DType.FLOAT32, x.length)) {
      for (int exponent = 0; exponent < 255; exponent++) {
        for (int i = 0; i < MANTISSAS; i++) {
          int mantissa = (int) ((long) i * ((1 << 23) - 1) / (MANTISSAS - 1));
          x[2 * i] = Float.intBitsToFloat(exponent << 23 | mantissa);
          x[2 * i + 1] = -x[2 * i];
        }
        in.write(x);
        apply(engine, function, in, out);
        float[] y = out.readFloats();
        for (int i = 0; i < x.length; i++) {
          double expected = exact.applyAsDouble(x[i]);
          double error = Math.abs(y[i] - expected);
          if (error > tail) {
            worst = Math.max(worst, error / Math.ulp((float) expected));
          }
        }
      }
    }
    return worst;
  }

  private static void apply(CpuEngine engine, int function, Buffer in, Buffer out) {
    NativeEngine.sequor_elementary_function(
        engine.nativeEngine(),
        function,
        in.elements(),
        CpuMemory.address(in),
        CpuMemory.address(out));
  }

  @Test
  void specialValuesKeepTheirMeaning() {
    assumeUsable();
    CpuEngine engine = engine(NativeEngine.sequor_best_instruction_set());
    try (Backend backend = new Backend(engine);
        Buffer in = backend.allocate(DType.FLOAT32, 4);
        Buffer out = backend.allocate(DType.FLOAT32, 4)) {
      in.write(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f);
      apply(engine, TANH, in, out);
      float[] tanh = out.readFloats();
      assertTrue(Float.isNaN(tanh[0]));
      assertEquals(1f, tanh[1]);
      assertEquals(-1f, tanh[2]);
      assertEquals(0f, Math.abs(tanh[3]));
      apply(engine, SIGMOID, in, out);
      float[] sigmoid = out.readFloats();
      assertTrue(Float.isNaN(sigmoid[0]));
      assertEquals(1f, sigmoid[1]);
      assertEquals(0f, sigmoid[2], 1e-37f);
      assertEquals(0.5f, sigmoid[3]);
    }
  }
}
