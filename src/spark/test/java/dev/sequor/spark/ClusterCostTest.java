package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Predictions of a cluster against sums by hand, and against what is known of their parts. */
class ClusterCostTest {
  private static final ClusterAssumptions ROUND_FIGURES =
      new ClusterAssumptions(
          1e12,
          0.5,
          1e-6,
          1e9,
          0.1,
          0.001,
          4,
          4 << 20,
          new ClusterAssumptions.Rates(1e9, 1e9, 1e9, 1e9, 1e9, 1e9),
          0.1);
  private static final ClusterCost.Model MILLION = new ClusterCost.Model("1M", 1_000_000, 2, 100);

  private final ClusterCost cost = new ClusterCost(ROUND_FIGURES);

  @Test
  void aStepIsBoundByArithmeticOrByLaunches() {
    assertEquals(6e6 * 100 * 10 / 0.5e12, cost.stepSeconds(MILLION, 10), 1e-12);
    ClusterCost.Model tiny = new ClusterCost.Model("tiny", 10, 2, 100);
    assertEquals(2 * 100 * 1e-6, cost.stepSeconds(tiny, 1), 1e-12);
  }

  @Test
  void oneWorkerSendsAndReceivesOnce() {
    ClusterCost.Parts parts = cost.round(MILLION, 1, 1, 10);
    assertEquals(8_000_000, parts.bytes());
    assertEquals(0.101, parts.spark(), 1e-12);
    assertEquals(3 * 0.004, parts.broadcast(), 1e-12); // packed, sent, unpacked
    assertEquals(0, parts.groups());
    assertEquals(3 * 0.004, parts.driver(), 1e-12); // written, sent or read, added
  }

  @Test
  void eightWorkersReturnAllToTheDriver() {
    ClusterCost.Parts parts = cost.round(MILLION, 8, 1, 10);
    // Written at executors, eight over one network, eight added up.
    assertEquals(0.004 + 8 * 0.004 + 8 * 0.004, parts.driver(), 1e-12);
    assertEquals(0, parts.groups());
    assertEquals((8 + 2) * 4_000_000L, parts.driverBytes());
  }

  @Test
  void moreWorkersReturnSumsOfGroupsInDoubles() {
    ClusterCost.Parts parts = cost.round(MILLION, 16, 1, 10);
    // Packed; four fetched; four added; a sum of doubles written.
    assertEquals(0.004 + 4 * 0.004 + 4 * 0.004 + 0.008, parts.groups(), 1e-12);
    assertEquals(4 * 0.008 + 4 * 0.008, parts.driver(), 1e-12);
    assertEquals(0.2 + 20 * 0.001, parts.spark(), 1e-12);
    assertEquals((4 + 1) * 8_000_000L, parts.driverBytes());
  }

  @Test
  void severalLocalStepsSendTheMomentsAsWell() {
    assertEquals(24_000_000, cost.round(MILLION, 2, 2, 10).bytes());
    assertEquals(
        2 * cost.round(MILLION, 2, 2, 10).computing(),
        cost.round(MILLION, 2, 4, 10).computing(),
        1e-12);
  }

  @Test
  void theFormulaIsTheSumOfTheParts() {
    for (int workers : new int[] {1, 8, 9, 100}) {
      ClusterCost.Parts parts = cost.round(MILLION, workers, 10, 10);
      double sum =
          parts.computing()
              + parts.waiting()
              + parts.spark()
              + parts.broadcast()
              + parts.groups()
              + parts.driver();
      assertEquals(sum, parts.time().seconds(), 1e-9 * sum);
    }
  }

  @Test
  void theLocalStepsForAShareAreTheFewest() {
    for (int workers : new int[] {1, 8, 64, 200}) {
      int least = cost.localStepsFor(MILLION, workers, 10, 0.1);
      assertTrue(least > 2, () -> "K = " + least);
      assertTrue(cost.round(MILLION, workers, least, 10).overheadShare() <= 0.1 + 1e-9);
      assertTrue(cost.round(MILLION, workers, least - 1, 10).overheadShare() > 0.1);
    }
    assertEquals(1, cost.localStepsFor(MILLION, 1, 1_000_000, 0.1));
  }

  /** Of two, the mean of the slower is known: 2·Φ(σ/√2) of the mean of one. */
  @Test
  void theSlowestOfTwoIsAsKnown() {
    assertEquals(1, ClusterCost.slowest(1, 0.2), 0.01);
    assertEquals(1.1125, ClusterCost.slowest(2, 0.2), 0.01);
    assertEquals(1, ClusterCost.slowest(50, 0), 1e-12);
  }

  @Test
  void aBroadcastToOneTakesItsBlocks() {
    assertEquals(1, Torrent.slots(1, 1, 1, 1));
    assertEquals(300, Torrent.slots(1, 300, 1, 1));
  }

  /** With one block and all at once, nobody but the driver has it when they ask. */
  @Test
  void whoBeginsTogetherWaitsForTheDriver() {
    assertEquals(7, Torrent.slots(7, 1, 7, 1));
    assertEquals(1, Torrent.slots(2, 1, 1, 1));
  }

  /**
   * A driver that sends to each alone would take 64 times the blocks. As all ask it first, for what
   * nobody else has, it is still several times as long as one executor would take.
   */
  @Test
  void executorsSendToEachOther() {
    int slots = Torrent.slots(64, 100, 1, 1);
    assertTrue(slots > 2 * 100 && slots < 64 * 100 / 8, () -> slots + " slots");
  }

  @Test
  void nobodyToSendToIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> Torrent.slots(0, 1, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> Torrent.slots(1, 0, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> Torrent.slots(1, 1, 0, 1));
  }
}
