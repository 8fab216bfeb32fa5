package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.benchmarks.devices.Crossover.Point;
import java.util.List;
import org.junit.jupiter.api.Test;

class CrossoverTest {
  private static Point point(int batchSize, int hiddenSize, double cpu, double gpu) {
    return new Point(new Shape(10, batchSize, hiddenSize), cpu, gpu);
  }

  @Test
  void isTheLeastSizeFromWhichOnTheGpuAlwaysWins() {
    List<Point> points =
        List.of(
            point(64, 128, 90, 10),
            point(1, 128, 1, 4),
            point(32, 128, 40, 10),
            point(8, 128, 9, 8));
    assertEquals(8 * 128L, Crossover.threshold(points));
    assertEquals(
        "the GPU is faster from B·H = 1024 on, at all 3 shapes measured up to 8192: 1.13 to 9.00"
            + " times as fast; at B·H = 128 it is not (0.25 times as fast), and between the two"
            + " nothing was measured",
        Crossover.words(points));
  }

  @Test
  void isNotClaimedWhenTheLargestShapeIsSlower() {
    List<Point> points = List.of(point(1, 128, 9, 3), point(8, 128, 9, 10));
    assertNull(Crossover.threshold(points));
    assertEquals(
        "no crossover: at the largest B·H measured, 1024, the GPU is not faster (0.90 times as"
            + " fast); it is only at T,B,H = 10,1,128",
        Crossover.words(points));
  }

  @Test
  void needsEveryShapeOfTheSameSize() {
    List<Point> points =
        List.of(point(1, 64, 1, 9), point(1, 512, 9, 3), point(4, 128, 3, 9), point(8, 128, 9, 3));
    assertEquals(8 * 128L, Crossover.threshold(points));
    String words = Crossover.words(points);
    assertTrue(
        words.contains("at B·H = 512 it is not at every shape (0.33 to 3.00 times as fast)"),
        words);
    assertTrue(words.endsWith("below, it is faster only at T,B,H = 10,1,512"), words);
  }

  @Test
  void saysThatSmallerShapesWereNotMeasuredWhenTheGpuAlwaysWins() {
    String words = Crossover.words(List.of(point(4, 128, 9, 3), point(8, 128, 9, 1)));
    assertEquals(
        "the GPU is faster at every shape measured (B·H 512 to 1024): 3.00 to 9.00 times as fast;"
            + " smaller ones were not measured",
        words);
  }

  @Test
  void saysSoWhenTheGpuNeverWins() {
    assertEquals(
        "the GPU is not faster at any shape measured (B·H 512 only): 0.10 times as fast",
        Crossover.words(List.of(point(4, 128, 1, 10))));
  }

  @Test
  void countsADifferenceWithinTheNoiseAsNone() {
    assertNull(Crossover.threshold(List.of(point(4, 128, 1.04, 1))));
    assertEquals(512, Crossover.threshold(List.of(point(4, 128, 1.06, 1))));
  }

  @Test
  void addsTheCopiesOnlyWhereItSaysSo() {
    Device cpu = Samples.CPU;
    Device gpu = Samples.GPU;
    Shape shape = new Shape(10, 4, 128);
    Workload forward = new Workload(CellType.LSTM, Pass.FORWARD, shape);
    List<Row> rows =
        List.of(
            Samples.row(forward, cpu, 3),
            Samples.row(forward, gpu, 1),
            Samples.row(new Workload(null, Pass.COPY_IN, shape), gpu, 1.5),
            Samples.row(new Workload(null, Pass.COPY_OUT, shape), gpu, 1.5),
            Samples.row(new Workload(null, Pass.COPY_IN, shape), cpu, 100));
    List<Crossover> crossovers = Crossover.all(rows, List.of(cpu, gpu));
    assertEquals(2, crossovers.size());
    assertFalse(crossovers.get(0).withCopies());
    assertEquals(512, crossovers.get(0).fromBatchTimesHidden());
    assertTrue(crossovers.get(1).withCopies());
    assertNull(crossovers.get(1).fromBatchTimesHidden()); // 1 + 1.5 + 1.5 against 3
  }

  @Test
  void leavesOutShapesThatOneDeviceLacks() {
    Shape shape = new Shape(10, 4, 128);
    List<Row> rows =
        List.of(Samples.row(new Workload(CellType.LSTM, Pass.FORWARD, shape), Samples.CPU, 3));
    assertEquals(List.of(), Crossover.all(rows, List.of(Samples.CPU, Samples.GPU)));
  }
}
