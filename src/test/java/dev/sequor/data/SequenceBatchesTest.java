package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SequenceBatchesTest {
  private static final int BATCH_SIZE = 8;

  /** Sequence {@code i} consists of {@code i}s, and is labelled {@code i}. */
  private static List<Sequence> numbered(int count) {
    SplittableRandom random = new SplittableRandom(4);
    List<Sequence> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] tokens = new int[1 + random.nextInt(100) * random.nextInt(3)];
      Arrays.fill(tokens, i);
      all.add(Sequence.ofTokens(tokens, i));
    }
    return all;
  }

  private static int[] lengths(Window window) {
    return Objects.requireNonNull(window.lengths());
  }

  private static int[] ids(Values values) {
    return ((Values.Tokens) values).ids();
  }

  /** Checks one epoch; returns the labels in their order, and adds up the padding. */
  private static List<Integer> labels(SequenceBatches batches, long epoch, List<Sequence> all) {
    List<Integer> labels = new ArrayList<>();
    for (Window window : batches.epoch(epoch)) {
      assertEquals(BATCH_SIZE, window.batchSize());
      assertTrue(window.resetState());
      int[] lengths = lengths(window);
      for (int b = 0; b < BATCH_SIZE; b++) {
        int label = ids(window.targetValues())[b];
        if (lengths[b] == 0) {
          assertEquals(-1, label);
          continue;
        }
        labels.add(label);
        assertEquals(all.get(label).steps(), lengths[b]);
        for (int t = 0; t < lengths[b]; t++) {
          assertEquals(label, ids(window.inputValues())[t * BATCH_SIZE + b]);
        }
      }
    }
    return labels;
  }

  @Test
  void everySequenceIsInOneBatchOfEveryEpoch() {
    List<Sequence> all = numbered(1203);
    SequenceBatches batches = SequenceBatches.shuffled(all, BATCH_SIZE, 5);
    assertEquals(151, batches.windowsPerEpoch());
    Set<List<Integer>> orders = new HashSet<>();
    for (long epoch : new long[] {0, 1, 2, 1000}) {
      List<Integer> labels = labels(batches, epoch, all);
      assertEquals(1203, labels.size());
      assertEquals(1203, new HashSet<>(labels).size());
      orders.add(labels);
    }
    assertEquals(4, orders.size(), "epochs have the same order");
    assertNotEquals(
        labels(batches, 0, all), labels(SequenceBatches.shuffled(all, BATCH_SIZE, 6), 0, all));
  }

  @Test
  void aWindowDependsOnNothingButItsNumbers() {
    List<Sequence> all = numbered(300);
    SequenceBatches batches = SequenceBatches.shuffled(all, BATCH_SIZE, 5);
    SequenceBatches others = SequenceBatches.shuffled(all, BATCH_SIZE, 5);
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 100; i++) {
      int epoch = random.nextInt(3);
      int index = random.nextInt(38);
      Window expected = SequenceBatches.shuffled(all, BATCH_SIZE, 5).window(epoch, index);
      for (SequenceBatches any : List.of(batches, others)) {
        Window window = any.window(epoch, index);
        assertArrayEquals(ids(expected.inputValues()), ids(window.inputValues()));
        assertArrayEquals(ids(expected.targetValues()), ids(window.targetValues()));
      }
      others.window(random.nextInt(3), random.nextInt(38));
    }
  }

  @Test
  void littleIsPaddingAndThereAreFewShapes() {
    List<Sequence> all = numbered(4000);
    long padded = 0;
    long real = 0;
    Set<Integer> shapes = new HashSet<>();
    SequenceBatches batches = SequenceBatches.shuffled(all, BATCH_SIZE, 5);
    Set<Integer> firstLengths = new HashSet<>();
    for (Window window : batches.epoch(0)) {
      padded += (long) window.timeSteps() * BATCH_SIZE;
      real += Arrays.stream(lengths(window)).sum();
      shapes.add(window.timeSteps());
      if (firstLengths.size() < 20) {
        firstLengths.add(window.timeSteps());
      }
    }
    assertTrue(real > 0.8 * padded, real + " of " + padded);
    assertTrue(shapes.size() <= 30, shapes.toString());
    assertTrue(firstLengths.size() > 5, "batches come sorted: " + firstLengths);
    int falls = 0;
    int before = 0;
    for (Window window : batches.epoch(0)) {
      falls += window.timeSteps() < before ? 1 : 0;
      before = window.timeSteps();
    }
    // Cut out of some pools that are sorted, they would fall once for each pool.
    assertTrue(falls > 100, "batches come sorted: lengths fall only " + falls + " times");
  }

  @Test
  void sortedBatchesAreTheSameInEveryEpoch() {
    List<Sequence> all = numbered(100);
    SequenceBatches batches = SequenceBatches.sorted(all, BATCH_SIZE);
    List<Integer> labels = labels(batches, 0, all);
    assertEquals(labels, labels(batches, 7, all));
    for (int i = 1; i < labels.size(); i++) {
      assertTrue(all.get(labels.get(i - 1)).steps() <= all.get(labels.get(i)).steps());
    }
  }

  @Test
  void rowsAndTargetsOfEveryKindLieWhereTheyBelong() {
    float[][] two = {{1, 2, 3}, {4, 5, 6}};
    float[][] one = {{7, 8, 9}};
    SequenceBatches each =
        SequenceBatches.sorted(
            List.of(
                Sequence.ofRows(two, new float[][] {{10, 11}, {12, 13}}),
                Sequence.ofRows(one, new float[][] {{14, 15}})),
            3);
    Window window = each.window(0, 0);
    assertArrayEquals(new int[] {1, 2, 0}, lengths(window));
    assertArrayEquals(
        new float[] {7, 8, 9, 1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 6, 0, 0, 0},
        ((Values.Reals) window.inputValues()).values());
    assertArrayEquals(
        new float[] {14, 15, 10, 11, 0, 0, 0, 0, 12, 13, 0, 0},
        ((Values.Reals) window.targetValues()).values());

    Window whole =
        SequenceBatches.sorted(
                List.of(
                    Sequence.ofRows(two, new Sequence.ValuesOfWhole(new float[] {1, 2})),
                    Sequence.ofRows(one, new Sequence.ValuesOfWhole(new float[] {3, 4}))),
                3)
            .window(0, 0);
    assertArrayEquals(
        new float[] {3, 4, 1, 2, 0, 0}, ((Values.Reals) whole.targetValues()).values());

    Window tags =
        SequenceBatches.sorted(
                List.of(
                    Sequence.ofTokens(new int[] {1, 2}, new int[] {3, -1}),
                    Sequence.ofTokens(new int[] {4}, new int[] {5})),
                3)
            .window(0, 0);
    assertArrayEquals(new int[] {5, 3, -1, -1, -1, -1}, ids(tags.targetValues()));

    Window labels =
        SequenceBatches.sorted(
                List.of(
                    Sequence.ofTokens(new int[] {1, 2}, new Sequence.Unaligned(new int[] {6})),
                    Sequence.ofTokens(new int[] {4}, new Sequence.Unaligned(new int[0]))),
                3)
            .window(0, 0);
    Values.Labels unaligned = (Values.Labels) labels.targetValues();
    assertArrayEquals(new int[] {0, 1, -1}, unaligned.lengths());
    assertArrayEquals(new int[] {6}, Objects.requireNonNull(unaligned.of(1)));
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void whatDoesNotFitIsNamed() {
    Sequence tokens = Sequence.ofTokens(new int[] {1}, 0);
    Sequence rows = Sequence.ofRows(new float[][] {{1, 2}}, 0);
    refused(
        "there are no sequences; needed at least 1",
        () -> SequenceBatches.sorted(List.of(), BATCH_SIZE));
    refused("batchSize is 0; needed at least 1", () -> SequenceBatches.sorted(List.of(tokens), 0));
    refused(
        "sequence 1 is vectors with a target of kind OfWhole; the first is tokens with a target of"
            + " kind OfWhole",
        () -> SequenceBatches.sorted(List.of(tokens, rows), 2));
    refused(
        "sequence 1 has vectors of 1; those of the first have 2",
        () -> SequenceBatches.sorted(List.of(rows, Sequence.ofRows(new float[][] {{1}}, 0)), 2));
    refused("the sequence has 0 steps; needed at least 1", () -> Sequence.ofTokens(new int[0], 1));
    refused(
        "rows[1] has 1 numbers; the first has 2, and all need as many",
        () -> Sequence.ofRows(new float[][] {{1, 2}, {3}}, 0));
    refused(
        "the sequence has 2 steps and targets of 1 elements; needed one for each step",
        () -> Sequence.ofTokens(new int[] {1, 2}, new int[] {0}));
    refused(
        "the sequence has 1 rows and 2 rows of targets",
        () -> Sequence.ofRows(new float[][] {{1}}, new float[][] {{1}, {2}}));
    refused(
        "window 1 of epoch 0 was asked for; needed 0 to 0 of an epoch from 0",
        () -> SequenceBatches.sorted(List.of(tokens), 2).window(0, 1));
  }
}
