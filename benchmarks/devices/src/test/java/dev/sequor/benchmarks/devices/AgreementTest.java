package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AgreementTest {
  private static final Workload WHAT =
      new Workload(CellType.GRU_RESET_BEFORE, Pass.FORWARD_BACKWARD, new Shape(1, 1, 2));

  private static Agreement of(float[] y, float[] dx) {
    return Agreement.of(
        WHAT,
        Samples.GPU,
        Map.of("y", y, "dx", dx),
        Samples.CPU,
        Map.of("y", new float[] {3, 4}, "dx", new float[] {0, 1}),
        1e-4);
  }

  @Test
  void namesTheWorstTensorAndItsFigure() {
    Agreement agreement = of(new float[] {3, 4.5f}, new float[] {0, 1});
    assertEquals("y", agreement.tensor());
    assertEquals(0.1, agreement.relativeL2(), 1e-12);
    assertEquals(0.125, agreement.relativeLinf(), 1e-12);
    assertFalse(agreement.holds());
    assertTrue(agreement.toString().contains("differs from that of cpu by 0.10 of the norm"));
  }

  @Test
  void holdsWithinTheTolerance() {
    assertTrue(of(new float[] {3, 4.0001f}, new float[] {0, 1}).holds());
  }

  @Test
  void neverHoldsWithNaN() {
    Agreement agreement = of(new float[] {3, 4}, new float[] {Float.NaN, 1});
    assertEquals("dx", agreement.tensor());
    assertFalse(agreement.holds());
  }

  @Test
  void allowsCoarserProductsMore() {
    assertEquals(1e-4, Agreement.tolerance("cuda:0 NVIDIA H200"));
    assertEquals(5e-3, Agreement.tolerance("cuda:0 NVIDIA H200 (tf32)"));
    assertEquals(5e-3, Agreement.tolerance("cuda:0 NVIDIA H200 (fp16)"));
    assertEquals(4e-2, Agreement.tolerance("cuda:0 NVIDIA H200 (bf16)"));
    assertEquals(4e-2, Agreement.tolerance("cpu (AVX-512, 2 threads, bf16)"));
  }
}
