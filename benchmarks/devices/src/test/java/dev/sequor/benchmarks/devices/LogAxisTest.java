package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class LogAxisTest {
  @Test
  void equalRatiosAreEqualDistances() {
    LogAxis axis = new LogAxis(1, 100, 50, 250);
    assertEquals(50, axis.at(1), 1e-9);
    assertEquals(150, axis.at(10), 1e-9);
    assertEquals(250, axis.at(100), 1e-9);
  }

  @Test
  void ticksAreRoundAndInside() {
    assertEquals(List.of(0.2, 0.5, 1.0, 2.0, 5.0, 10.0), new LogAxis(0.15, 12, 0, 1).ticks());
    assertEquals(List.of(1.0, 10.0, 100.0, 1000.0), new LogAxis(0.5, 5000, 0, 1).ticks());
  }

  @Test
  void aSingleValueStillHasRoomAroundIt() {
    LogAxis axis = LogAxis.around(List.of(7.0), 0, 100);
    assertEquals(50, axis.at(7), 1e-9);
    assertTrue(axis.most() > 7 && axis.least() < 7);
  }

  @Test
  void labelsHaveNoExponents() {
    assertEquals("0.002", LogAxis.label(0.002));
    assertEquals("50", LogAxis.label(50));
    assertEquals("131,000", LogAxis.label(131072));
  }
}
