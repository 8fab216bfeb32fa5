package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RateScheduleTest {
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 99, 100, 101, 250, 1955, 1_000_000_000_000L})
  void stepsThatAreQueuedAtOnceHaveOneRateAndTheNextHasAnother(long steps) {
    for (RateSchedule schedule : RateSchedule.values()) {
      long step = 0;
      int stages = 0;
      float before = Float.POSITIVE_INFINITY;
      while (step < steps) {
        float rate = schedule.rate(0.3f, step, steps);
        assertTrue(rate > 0 && rate <= before, schedule + " at " + step);
        before = rate;
        long next = Math.min(steps, step + schedule.stepsAtSameRate(step, steps));
        assertTrue(next > step);
        assertEquals(rate, schedule.rate(0.3f, next - 1, steps));
        step = next;
        stages++;
      }
      assertTrue(stages <= RateSchedule.STAGES);
    }
  }

  @Test
  void eachGoesAsItsNameSays() {
    for (long step : new long[] {0, 17, 999}) {
      assertEquals(0.1f, RateSchedule.CONSTANT.rate(0.1f, step, 1000));
    }
    assertEquals(0.1f, RateSchedule.LINEAR.rate(0.1f, 509, 1000));
    assertEquals(0.05f, RateSchedule.LINEAR.rate(0.1f, 750, 1000), 1e-8);
    assertEquals(0.002f, RateSchedule.LINEAR.rate(0.1f, 999, 1000), 1e-8);
    assertEquals(0.1f, RateSchedule.COSINE.rate(0.1f, 0, 1000));
    assertEquals(0.05f, RateSchedule.COSINE.rate(0.1f, 500, 1000), 1e-8);
    assertEquals(
        0.1 * (0.5 + 0.5 * Math.cos(Math.PI * 0.25)),
        RateSchedule.COSINE.rate(0.1f, 250, 1000),
        1e-8);
  }

  @ParameterizedTest
  @EnumSource
  void afterTheEndTheRateStays(RateSchedule schedule) {
    assertEquals(schedule.rate(1, 99, 100), schedule.rate(1, 5000, 100));
  }

  @Test
  void numbersOutOfRangeAreRefused() {
    assertEquals(
        "steps is 0; needed 1 to 1000000000000",
        assertThrows(IllegalArgumentException.class, () -> RateSchedule.LINEAR.rate(1, 0, 0))
            .getMessage());
    assertEquals(
        "step is -1; needed 0 to 1000000000000",
        assertThrows(IllegalArgumentException.class, () -> RateSchedule.CONSTANT.rate(1, -1, 5))
            .getMessage());
  }
}
