package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.reference.ReferenceCtc;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The loss of label sequences on a backend, against sums over all alignments in double precision.
 * Closing the backend closes its buffers.
 */
public abstract class CtcContract {
  private Backend backend;

  /** Opens the backend under test. */
  protected abstract Backend open();

  @BeforeEach
  void openBackend() {
    backend = open();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  /** A batch; targets as one array a sequence, null for none. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Batch(
      int steps,
      int width,
      int blank,
      float[] outputs,
      int @Nullable [] lengths,
      int[] @Nullable [] targets) {

    int size() {
      return targets.length;
    }

    int mostLabels() {
      return Arrays.stream(targets).mapToInt(t -> t == null ? 0 : t.length).max().orElse(0);
    }

    CtcShape shape() {
      return new CtcShape(steps, size(), width, Math.max(1, mostLabels()), blank);
    }

    int length(int b) {
      return lengths == null ? steps : lengths[b];
    }

    boolean counts(int b) {
      return targets[b] != null && length(b) > 0;
    }

    /** Outputs {@code [T_b,N]} of one sequence. */
    double[] outputsOf(int b) {
      double[] result = new double[length(b) * width];
      for (int i = 0; i < result.length; i++) {
        result[i] = outputs[(i / width * size() + b) * width + i % width];
      }
      return result;
    }

    /** Labels {@code [S,B]}; past a target's end the blank. */
    int[] labels() {
      int[] labels = new int[shape().labelElements()];
      Arrays.fill(labels, blank);
      for (int b = 0; b < size(); b++) {
        for (int i = 0; targets[b] != null && i < targets[b].length; i++) {
          labels[i * size() + b] = targets[b][i];
        }
      }
      return labels;
    }

    int[] labelLengths() {
      return Arrays.stream(targets).mapToInt(t -> t == null ? -1 : t.length).toArray();
    }
  }

  private interface Reference {
    ReferenceCtc of(double[] outputs, int steps, int[] labels, int blank);
  }

  /** Random outputs, and targets that random paths say, so that they can be aligned. */
  private static Batch random(
      Random random, int steps, int batch, int width, boolean padded, double spread) {
    int blank = random.nextInt(width);
    float[] outputs = new float[steps * batch * width];
    for (int i = 0; i < outputs.length; i++) {
      outputs[i] = (float) (spread * random.nextGaussian());
    }
    int[] lengths = new int[batch];
    int[][] targets = new int[batch][];
    for (int b = 0; b < batch; b++) {
      lengths[b] = padded && b > 0 ? random.nextInt(steps + 1) : steps;
      int[] path = new int[lengths[b]];
      boolean often = random.nextBoolean(); // blanks, so that labels repeat behind them
      for (int t = 0; t < path.length; t++) {
        path[t] = often && random.nextBoolean() ? blank : random.nextInt(width);
      }
      targets[b] = random.nextInt(8) == 0 ? new int[0] : ReferenceCtc.collapse(path, blank);
      if (padded && b > 0 && random.nextInt(8) == 0) {
        targets[b] = null;
      }
    }
    return new Batch(steps, width, blank, outputs, padded ? lengths : null, targets);
  }

  private Buffer floats(float... values) {
    Buffer buffer = backend.allocate(DType.FLOAT32, values.length);
    buffer.write(values);
    return buffer;
  }

  private Buffer poisoned(long elements) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    backend.fill(buffer, Float.NaN);
    return buffer;
  }

  private Buffer integers(int... values) {
    Buffer buffer = backend.allocate(DType.INT32, values.length);
    buffer.write(values);
    return buffer;
  }

  /** What came out. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Results(float[] result, float[] gradient) {}

  private Results run(Batch batch, float scale, boolean inPlace) {
    CtcShape shape = batch.shape();
    Buffer outputs = floats(batch.outputs);
    Buffer labels = integers(batch.labels());
    Buffer labelLengths = integers(batch.labelLengths());
    Buffer lengths = batch.lengths == null ? null : integers(batch.lengths);
    Buffer gradient = inPlace ? outputs : poisoned(batch.outputs.length);
    Buffer result = poisoned(2);
    Buffer factor = floats(scale);
    // One element more than needed, at an odd address, which must stay as it is.
    Buffer memory = poisoned(shape.workspaceElements() + 2);
    Buffer workspace = memory.slice(1, shape.workspaceElements());
    backend.ctcLoss(
        shape, outputs, labels, labelLengths, lengths, factor, null, gradient, workspace, result);
    Results results = new Results(result.readFloats(), gradient.readFloats());
    for (long outside : new long[] {0, shape.workspaceElements() + 1}) {
      assertTrue(Float.isNaN(memory.slice(outside, 1).readFloats()[0]), "outside the workspace");
    }
    if (!inPlace) {
      assertArrayEquals(batch.outputs, outputs.readFloats(), "the outputs");
    }
    List.of(outputs, labels, labelLengths, gradient, result, factor, memory).forEach(Buffer::close);
    if (lengths != null) {
      lengths.close();
    }
    return results;
  }

  private void check(String what, Batch batch, Reference reference, double bar) {
    float scale = 0.25f;
    Results actual = run(batch, scale, false);
    double loss = 0;
    int count = 0;
    double[] gradient = new double[batch.outputs.length];
    for (int b = 0; b < batch.size(); b++) {
      if (batch.counts(b)) {
        ReferenceCtc expected =
            reference.of(batch.outputsOf(b), batch.length(b), batch.targets[b], batch.blank);
        loss += expected.loss();
        count++;
        for (int i = 0; i < expected.gradient().length; i++) {
          int at = (i / batch.width * batch.size() + b) * batch.width + i % batch.width;
          gradient[at] = scale * expected.gradient()[i];
        }
      }
    }
    assertEquals(count, actual.result[1], what + ", sequences that count");
    assertEquals(loss, actual.result[0], bar * Math.max(1, Math.abs(loss)), what + ", loss");
    for (int i = 0; i < gradient.length; i++) {
      assertEquals(gradient[i], actual.gradient[i], bar, what + ", gradient " + i);
    }
    assertArrayEquals(actual.gradient, run(batch, scale, true).gradient, what + ", in place");
  }

  @Test
  void lossAndGradientEqualTheSumOverAllAlignments() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      int width = 2 + random.nextInt(3);
      int steps = 1 + random.nextInt(width == 4 ? 5 : 7);
      Batch batch =
          random(random, steps, 1 + random.nextInt(4), width, random.nextBoolean(), 1 + seed % 3);
      check("seed " + seed, batch, ReferenceCtc::overAllPaths, 2e-6);
    }
  }

  @Test
  void theGradientIsTheSlopeOfTheLoss() {
    Random random = new Random(7);
    Batch batch = random(random, 6, 2, 3, false, 1);
    float[] gradient = run(batch, 1f, false).gradient;
    double step = 1e-5;
    for (int b = 0; b < 2; b++) {
      double[] a = batch.outputsOf(b);
      for (int i = 0; i < a.length; i++) {
        double[] above = a.clone();
        double[] below = a.clone();
        above[i] += step;
        below[i] -= step;
        int[] labels = batch.targets[b];
        double slope =
            (ReferenceCtc.overAllPaths(above, 6, labels, batch.blank).loss()
                    - ReferenceCtc.overAllPaths(below, 6, labels, batch.blank).loss())
                / (2 * step);
        assertEquals(slope, gradient[(i / 3 * 2 + b) * 3 + i % 3], 3e-6);
      }
    }
  }

  @ParameterizedTest(name = "T={0} B={1} N={2}")
  @CsvSource({"1,1,1", "1,3,31", "33,1,2", "31,3,33", "70,5,17", "3,2,20011", "150,2,5"})
  void awkwardSizesMatchTheRecursion(int steps, int batch, int width) {
    for (boolean padded : new boolean[] {false, true}) {
      Batch random = random(new Random(steps), steps, batch, width, padded, 2);
      check(random.shape() + " padded " + padded, random, ReferenceCtc::byRecursion, 3e-6);
    }
  }

  @Test
  void aThousandStepsCostNoDigit() {
    Batch batch = random(new Random(5), 1000, 1, 4, false, 3);
    Batch fewer =
        new Batch(
            1000,
            4,
            batch.blank,
            batch.outputs,
            null,
            new int[][] {Arrays.copyOf(batch.targets[0], 60)});
    check("1000 steps", fewer, ReferenceCtc::byRecursion, 5e-6);
  }

  /**
   * A target that leaves one alignment only, and outputs as sure of it as can be, or against it.
   */
  @Test
  void sureOutputsOverflowNothing() {
    for (float sure : new float[] {80f, -80f, 3000f}) {
      float[] outputs = new float[3 * 3];
      int[] path = {1, 0, 1};
      for (int t = 0; t < 3; t++) {
        outputs[t * 3 + path[t]] = sure;
      }
      Batch batch = new Batch(3, 3, 0, outputs, null, new int[][] {{1, 1}});
      check("sure " + sure, batch, ReferenceCtc::byRecursion, 2e-6);
    }
  }

  @Test
  void emptyTargetsAndRowsWithoutStepsOrTargets() {
    float[] outputs = new float[4 * 4 * 3];
    Random random = new Random(3);
    IntStream.range(0, outputs.length).forEach(i -> outputs[i] = (float) random.nextGaussian());
    int[][] targets = {{}, {1, 2}, null, {}};
    Batch batch = new Batch(4, 3, 0, outputs, new int[] {4, 3, 4, 0}, targets);
    check("empty", batch, ReferenceCtc::overAllPaths, 2e-6);
    assertEquals(2f, run(batch, 1f, false).result[1]);
    Batch none = new Batch(4, 3, 0, outputs, null, new int[][] {null, null, null, null});
    assertArrayEquals(new float[] {0, 0}, run(none, 1f, false).result);
  }

  /** What is past an end is not read, and gets no gradient. */
  @Test
  void paddingIsNotReadAndGetsZeros() {
    Batch batch = random(new Random(2), 9, 5, 4, true, 1);
    Results expected = run(batch, 1f, false);
    float[] outputs = batch.outputs.clone();
    for (int i = 0; i < outputs.length; i++) {
      int row = i / batch.width;
      if (row / batch.size() >= batch.length(row % batch.size())) {
        outputs[i] = Float.NaN;
        assertEquals(0f, expected.gradient[i]);
      }
    }
    Batch bad = new Batch(9, 4, batch.blank, outputs, batch.lengths, batch.targets);
    Results actual = run(bad, 1f, true);
    assertArrayEquals(expected.result, actual.result);
    assertArrayEquals(expected.gradient, actual.gradient);
  }

  /** The same sequence alone, and among others, padded: not another bit. */
  @Test
  void aSequenceAloneGivesTheSameBitsAsInABatch() {
    Batch batch = random(new Random(11), 40, 6, 9, true, 2);
    Results all = run(batch, 1f, false);
    for (int b = 0; b < batch.size(); b++) {
      if (!batch.counts(b)) {
        continue;
      }
      double[] exact = batch.outputsOf(b);
      float[] outputs = new float[exact.length];
      IntStream.range(0, exact.length).forEach(i -> outputs[i] = (float) exact[i]);
      Batch alone =
          new Batch(batch.length(b), 9, batch.blank, outputs, null, new int[][] {batch.targets[b]});
      float[] gradient = run(alone, 1f, false).gradient;
      for (int i = 0; i < gradient.length; i++) {
        assertEquals(all.gradient[(i / 9 * batch.size() + b) * 9 + i % 9], gradient[i]);
      }
    }
  }

  @Test
  void whatCannotBeAlignedHasInfiniteLossAndNoGradient() {
    float[] outputs = new float[2 * 3];
    Batch repeats = new Batch(2, 3, 0, outputs, null, new int[][] {{1, 1}});
    Results results = run(repeats, 1f, false);
    assertArrayEquals(new float[] {Float.POSITIVE_INFINITY, 1}, results.result);
    assertTrue(Float.isNaN(results.gradient[0]));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void outputsThatAreNoNumbersAreSeenInTheLossAndTheGradient(float bad) {
    for (int at : new int[] {0, 4, 8}) {
      float[] outputs = new float[3 * 3];
      outputs[at] = bad;
      Batch batch = new Batch(3, 3, 0, outputs, null, new int[][] {{1, 2}});
      Results results = run(batch, 1f, false);
      assertTrue(Float.isNaN(results.result[0]), "loss " + results.result[0] + " at " + at);
      assertTrue(Float.isNaN(results.gradient[at]), "gradient at " + at);
    }
  }

  @Test
  void aLabelOfNoProbabilityMakesTheLossInfinite() {
    float[] outputs = new float[3 * 3];
    for (int t = 0; t < 3; t++) {
      outputs[t * 3 + 2] = Float.NEGATIVE_INFINITY;
    }
    Batch impossible = new Batch(3, 3, 0, outputs, null, new int[][] {{1, 2}});
    assertEquals(Float.POSITIVE_INFINITY, run(impossible, 1f, false).result[0]);
    Batch possible = new Batch(3, 3, 0, outputs, null, new int[][] {{1}});
    check("no third class", possible, ReferenceCtc::overAllPaths, 2e-6);
  }

  @Test
  void withoutAGradientTheLossIsTheSame() {
    Batch batch = random(new Random(4), 12, 3, 5, true, 1);
    CtcShape shape = batch.shape();
    Buffer result = poisoned(2);
    backend.ctcLoss(
        shape,
        floats(batch.outputs),
        integers(batch.labels()),
        integers(batch.labelLengths()),
        integers(batch.lengths == null ? new int[0] : batch.lengths),
        null,
        null,
        null,
        poisoned(shape.workspaceElements()),
        result);
    assertArrayEquals(run(batch, 1f, false).result, result.readFloats());
  }

  /** Labels, lengths and scales are inputs of a step: a replay sees the new ones. */
  @Test
  void aStepThatIsRepeatedSeesItsTargetsAndScales() {
    int steps = 8;
    int size = 3;
    int width = 4;
    int most = 8;
    CtcShape shape = new CtcShape(steps, size, width, most, 0);
    Buffer labelBuffer = integers(new int[most * size]);
    Buffer lengthBuffer = integers(new int[2 * size]);
    Buffer factors = floats(0f, 0f);
    Buffer outputs = poisoned((long) steps * size * width);
    Buffer gradient = poisoned((long) steps * size * width);
    Buffer workspace = poisoned(shape.workspaceElements());
    Buffer result = poisoned(2);
    ByteBuffer labelStaging = Backend.hostMemory(DType.INT32, labelBuffer.elements());
    ByteBuffer lengthStaging = Backend.hostMemory(DType.INT32, lengthBuffer.elements());
    ByteBuffer outputStaging = Backend.hostMemory(DType.FLOAT32, outputs.elements());
    ByteBuffer factorStaging = Backend.hostMemory(DType.FLOAT32, 2);
    for (int i = 1; i <= 6; i++) {
      Batch random = random(new Random(i), steps, size, width, true, 1);
      int[][] targets = new int[size][];
      for (int b = 0; b < size; b++) {
        targets[b] =
            random.targets[b] == null
                ? null
                : ReferenceCtc.collapse(
                    Arrays.stream(random.targets[b]).map(l -> l % width).toArray(), 0);
      }
      Batch batch = new Batch(steps, width, 0, random.outputs, random.lengths, targets);
      int[] labels = new int[most * size];
      System.arraycopy(batch.labels(), 0, labels, 0, batch.shape().labelElements());
      labelStaging.clear().asIntBuffer().put(labels);
      lengthStaging
          .clear()
          .asIntBuffer()
          .put(batch.labelLengths())
          .put(random.lengths == null ? new int[0] : random.lengths);
      outputStaging.clear().asFloatBuffer().put(batch.outputs);
      factorStaging.clear().asFloatBuffer().put(new float[] {1f / i, 4f});
      backend.step(
          "ctc",
          List.of(
              new StepInput(labelStaging, labelBuffer),
              new StepInput(lengthStaging, lengthBuffer),
              new StepInput(outputStaging, outputs),
              new StepInput(factorStaging, factors)),
          () ->
              backend.ctcLoss(
                  shape,
                  outputs,
                  labelBuffer,
                  lengthBuffer.slice(0, size),
                  lengthBuffer.slice(size, size),
                  factors.slice(0, 1),
                  factors.slice(1, 1),
                  gradient,
                  workspace,
                  result));
      Results expected = run(batch, 4f / i, false);
      assertArrayEquals(expected.result, result.readFloats(), "step " + i);
      assertArrayEquals(expected.gradient, gradient.readFloats(), 1e-6f, "step " + i);
    }
  }

  @Test
  void sizesAndContentsThatDoNotFitAreRefused() {
    CtcShape shape = new CtcShape(3, 2, 4, 2, 0);
    Buffer outputs = floats(new float[24]);
    Buffer workspace = poisoned(shape.workspaceElements());
    Buffer result = poisoned(2);
    int[][][] bad = {
      {{1, 2, 4, 1}, {1, 1}, {3, 3}},
      {{1, 2, -1, 1}, {1, 1}, {3, 3}},
      {{1, 2, 3, 1}, {1, 3}, {3, 3}},
      {{1, 2, 3, 1}, {1, 1}, {3, 4}},
    };
    String[] messages = {
      "labels[2] is 4; needed 0 to 3",
      "labels[2] is -1; needed 0 to 3",
      "labelLengths[1] is 3; needed at most S=2",
      "lengths[1] is 4; needed 0 to T=3",
    };
    for (int i = 0; i < bad.length; i++) {
      Buffer labels = integers(bad[i][0]);
      Buffer labelLengths = integers(bad[i][1]);
      Buffer lengths = integers(bad[i][2]);
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  backend.ctcLoss(
                      shape,
                      outputs,
                      labels,
                      labelLengths,
                      lengths,
                      null,
                      null,
                      null,
                      workspace,
                      result));
      assertEquals(messages[i], refusal.getMessage());
    }
    assertTrue(Float.isNaN(result.readFloats()[0]));
    LossShape rows = new LossShape(Loss.ctc(0), 3, 2, 4);
    assertThrows(
        IllegalArgumentException.class,
        () -> backend.loss(rows, outputs, outputs, null, null, null, null, result));
  }
}
