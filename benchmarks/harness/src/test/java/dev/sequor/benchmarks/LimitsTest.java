package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;

class LimitsTest {
  private static final Case ONE_SEQUENCE = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 100, 1, 500);
  private static final long BYTES = 4L * 4 * 500 * 500;

  private static Limits limits(double gflops, double gigabytes) {
    return new Limits(gflops, gflops / 2, Map.of(BYTES, gigabytes));
  }

  @Test
  void arithmeticIsTheLimitWhereWeightsComeFastEnough() {
    // 2·100·2000·1000 operations.
    assertEquals(0.4e9 / 100e9 * 1e3, limits(100, 1e6).millis(ONE_SEQUENCE), 1e-12);
    assertEquals(false, limits(100, 1e6).readingIsTheLimit(ONE_SEQUENCE));
  }

  @Test
  void elseEachTimeStepWaitsForItsWeights() {
    double input = 0.2e9 / 100e9 * 1e3;
    double reading = 100.0 * BYTES / 10e9 * 1e3;
    assertEquals(input + reading, limits(100, 10).millis(ONE_SEQUENCE), 1e-12);
    assertEquals(true, limits(100, 10).readingIsTheLimit(ONE_SEQUENCE));
  }

  @Test
  void backwardGoesThroughTheWeightsOnceMore() {
    Case training = new Case(Case.Cell.LSTM, Case.Pass.FORWARD_BACKWARD, 100, 1, 500);
    double arithmetic = 0.8e9 / 100e9 * 1e3; // all but the two products of each time step
    double reading = 2 * 100.0 * BYTES / 10e9 * 1e3;
    assertEquals(arithmetic + reading, limits(100, 10).millis(training), 1e-12);
  }
}
