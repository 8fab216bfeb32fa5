package dev.sequor.backend.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SequenceRowsTest {
  @Test
  void withoutPaddingForwardOrderIsPaddedOrder() {
    SequenceRows rows = new SequenceRows(3, 4, false);
    assertTrue(rows.isIdentity());
    assertEquals(12, rows.rows());
    assertEquals(3, rows.steps());
    assertEquals(0, rows.paddingCount());
    for (int row = 0; row < 12; row++) {
      assertEquals(row, rows.paddedRows()[row]);
    }
  }

  @Test
  void withoutPaddingReverseOrderStartsAtTheLastStep() {
    SequenceRows rows = new SequenceRows(3, 2, true);
    assertFalse(rows.isIdentity());
    assertEquals(4, rows.paddedRows()[0]);
    assertEquals(5, rows.paddedRows()[1]);
    assertEquals(0, rows.paddedRows()[4]);
  }

  @Test
  void allSequencesEmptyGivesNoRows() {
    SequenceRows rows = new SequenceRows(3, 2, false);
    rows.update(new int[] {0, 0});
    assertEquals(0, rows.steps());
    assertEquals(0, rows.rows());
    assertEquals(0, rows.count(0));
    assertEquals(6, rows.paddingCount());
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void everyValidRowAppearsOnceAndPaddingIsTheRest(long seed) {
    Random random = new Random(seed);
    int timeSteps = 1 + random.nextInt(9);
    int batchSize = 1 + random.nextInt(9);
    boolean reverse = random.nextBoolean();
    SequenceRows rows = new SequenceRows(timeSteps, batchSize, reverse);
    for (int repeat = 0; repeat < 5; repeat++) {
      int[] lengths = random.ints(batchSize, 0, timeSteps + 1).toArray();
      rows.update(lengths);
      Set<Integer> seen = new HashSet<>();
      for (int k = 0; k < rows.steps(); k++) {
        assertTrue(k == 0 || rows.count(k) <= rows.count(k - 1), "running sequences only drop out");
        for (int i = 0; i < rows.count(k); i++) {
          int b = rows.order()[i];
          int row = rows.paddedRows()[rows.offset(k) + i];
          assertEquals(b, row % batchSize);
          assertEquals(reverse ? lengths[b] - 1 - k : k, row / batchSize);
          assertTrue(seen.add(row));
        }
      }
      assertEquals(rows.rows(), seen.size());
      assertEquals(java.util.Arrays.stream(lengths).sum(), rows.rows());
      for (int i = 0; i < rows.paddingCount(); i++) {
        int row = rows.padding()[i];
        assertTrue(row / batchSize >= lengths[row % batchSize]);
        assertTrue(seen.add(row));
      }
      assertEquals(timeSteps * batchSize, seen.size());
    }
  }
}
