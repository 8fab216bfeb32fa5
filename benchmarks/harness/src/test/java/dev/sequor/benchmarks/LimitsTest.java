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

  @Test
  void aWholeIsItsLayersAndDirectionsOneAfterTheOther() {
    Case whole = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, Shape.parse("100,1,500,L2,D2"));
    // Inputs of 500 below and of 1000 above, in both directions.
    double input = 2 * 2.0 * 100 * 2000 * (500 + 1000) / 100e9 * 1e3;
    double reading = 4 * 100.0 * BYTES / 10e9 * 1e3;
    assertEquals(input + reading, limits(100, 10).millis(whole), 1e-9);
  }

  @Test
  void eachStepOfRaggedSequencesHasArithmeticOfItsOwn() {
    Case ragged = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, Shape.parse("100,3,500,ragged"));
    int[] lengths = ragged.shape().lengths();
    double row = 2.0 * 2000 * 500 / 100e9 * 1e3; // of one sequence, one step
    double step = BYTES / 120e9 * 1e3; // more than one row, less than two
    double expected = 0;
    for (int t = 0; t < 100; t++) {
      int rows = 0;
      for (int length : lengths) {
        rows += t < length ? 1 : 0;
      }
      expected += rows * row + Math.max(rows * row, step);
    }
    assertEquals(expected, limits(100, 120).millis(ragged), 1e-9);
  }
}
