package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.model.CtcDecoder.Hypothesis;
import dev.sequor.reference.ReferenceCtc;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CtcDecoderTest {
  private static float[] random(long seed, int elements, double spread) {
    Random random = new Random(seed);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (spread * random.nextGaussian());
    }
    return values;
  }

  private static double[] toDouble(float[] values) {
    double[] result = new double[values.length];
    Arrays.setAll(result, i -> values[i]);
    return result;
  }

  /** The probability of everything that can be said, by going through all paths. */
  private static Map<List<Integer>, Double> everything(
      float[] outputs, int steps, int n, int blank) {
    double[][] p = ReferenceCtc.softmax(toDouble(outputs), steps, n);
    Map<List<Integer>, Double> all = new HashMap<>();
    int[] path = new int[steps];
    for (int number = 0; number < Math.pow(n, steps); number++) {
      double probability = 1;
      int rest = number;
      for (int t = 0; t < steps; t++) {
        path[t] = rest % n;
        rest /= n;
        probability *= p[t][path[t]];
      }
      all.merge(list(ReferenceCtc.collapse(path, blank)), probability, Double::sum);
    }
    return all;
  }

  private static List<Integer> list(int[] labels) {
    return Arrays.stream(labels).boxed().toList();
  }

  private static List<Hypothesis> beam(float[] outputs, int steps, int n, int blank, int width) {
    return CtcDecoder.beam(outputs, steps, 1, n, null, blank, width).get(0);
  }

  @Test
  void aWideBeamFindsTheProbabilityOfEverythingThatCanBeSaid() {
    for (int seed = 0; seed < 30; seed++) {
      int n = 2 + seed % 3;
      int steps = 1 + seed % 5;
      int blank = seed % n;
      float[] outputs = random(seed, steps * n, 1.5);
      Map<List<Integer>, Double> expected = everything(outputs, steps, n, blank);
      List<Hypothesis> actual = beam(outputs, steps, n, blank, 100_000);
      assertEquals(expected.size(), actual.size());
      double last = Double.POSITIVE_INFINITY;
      for (Hypothesis hypothesis : actual) {
        double probability = expected.getOrDefault(list(hypothesis.labels()), -1.0);
        assertEquals(Math.log(probability), hypothesis.logProbability(), 1e-9, "seed " + seed);
        assertTrue(hypothesis.logProbability() <= last, "the likeliest first");
        last = hypothesis.logProbability();
      }
    }
  }

  /** The likeliest path says nothing, with 0.36; but a label says it in three ways, with 0.64. */
  @Test
  void theBeamSumsOverAlignmentsAndTheBestPathDoesNot() {
    float[] outputs = {(float) Math.log(0.6), (float) Math.log(0.4), 0, 0};
    outputs[2] = outputs[0];
    outputs[3] = outputs[1];
    assertArrayEquals(new int[0], CtcDecoder.bestPath(outputs, 2, 1, 2, null, 0)[0]);
    Hypothesis best = beam(outputs, 2, 2, 0, 5).get(0);
    assertArrayEquals(new int[] {1}, best.labels());
    assertEquals(Math.log(0.64), best.logProbability(), 1e-7);
  }

  /** What a narrow beam finds is no likelier than it is, is there once, and gets no worse. */
  @Test
  void aNarrowBeamNeverOverstates() {
    for (int seed = 0; seed < 8; seed++) {
      float[] outputs = random(seed, 12 * 4, 2);
      double before = Double.NEGATIVE_INFINITY;
      for (int width : new int[] {1, 2, 5, 50, 500}) {
        List<Hypothesis> found = beam(outputs, 12, 4, 0, width);
        assertTrue(!found.isEmpty() && found.size() <= width);
        Set<List<Integer>> different = new HashSet<>();
        for (Hypothesis hypothesis : found) {
          assertTrue(different.add(list(hypothesis.labels())), "found twice");
          double loss =
              ReferenceCtc.byRecursion(toDouble(outputs), 12, hypothesis.labels(), 0).loss();
          assertTrue(hypothesis.logProbability() <= -loss + 1e-9, "seed " + seed);
        }
        if (width >= 50) {
          assertTrue(found.get(0).logProbability() >= before - 1e-9, "seed " + seed);
          before = found.get(0).logProbability();
        }
      }
    }
  }

  @Test
  void aSequenceInAPaddedBatchSaysWhatItSaysAlone() {
    int n = 5;
    int[] lengths = {7, 0, 3, 6};
    float[] outputs = random(9, 7 * 4 * n, 2);
    for (int b = 0; b < 4; b++) {
      for (int t = lengths[b]; t < 7; t++) {
        Arrays.fill(outputs, (t * 4 + b) * n, (t * 4 + b + 1) * n, Float.NaN);
      }
    }
    int[][] paths = CtcDecoder.bestPath(outputs, 7, 4, n, lengths, 2);
    List<List<Hypothesis>> beams = CtcDecoder.beam(outputs, 7, 4, n, lengths, 2, 3);
    for (int b = 0; b < 4; b++) {
      if (lengths[b] == 0) {
        assertEquals(0, paths[b].length);
        assertEquals(0, beams.get(b).get(0).labels().length);
        assertEquals(0.0, beams.get(b).get(0).logProbability());
        continue;
      }
      float[] own = new float[lengths[b] * n];
      for (int i = 0; i < own.length; i++) {
        own[i] = outputs[(i / n * 4 + b) * n + i % n];
      }
      assertArrayEquals(CtcDecoder.bestPath(own, lengths[b], 1, n, null, 2)[0], paths[b]);
      List<Hypothesis> alone = beam(own, lengths[b], n, 2, 3);
      for (int i = 0; i < alone.size(); i++) {
        assertArrayEquals(alone.get(i).labels(), beams.get(b).get(i).labels());
        assertEquals(alone.get(i).logProbability(), beams.get(b).get(i).logProbability());
      }
    }
  }

  @Test
  void theBestPathWritesRepeatsOnceAndDropsBlanks() {
    int[] path = {3, 3, 0, 0, 2, 0, 2, 2, 1, 0};
    float[] outputs = new float[path.length * 4];
    for (int t = 0; t < path.length; t++) {
      outputs[t * 4 + path[t]] = 1;
    }
    assertArrayEquals(
        new int[] {3, 2, 2, 1}, CtcDecoder.bestPath(outputs, path.length, 1, 4, null, 0)[0]);
    assertArrayEquals(
        new int[] {3, 0, 0, 1, 0}, CtcDecoder.bestPath(outputs, path.length, 1, 4, null, 2)[0]);
  }

  @Test
  void argumentsThatDoNotFitAreRefused() {
    float[] outputs = new float[6];
    assertEquals(
        "outputs holds 6 elements; T=2 B=1 N=4 needs their product, each at least 1",
        refusal(() -> CtcDecoder.bestPath(outputs, 2, 1, 4, null, 0)));
    assertEquals(
        "blank is 3; needed a class, 0 to 2",
        refusal(() -> CtcDecoder.bestPath(outputs, 2, 1, 3, null, 3)));
    assertEquals(
        "lengths[0] is 3; needed 0 to T=2",
        refusal(() -> CtcDecoder.bestPath(outputs, 2, 1, 3, new int[] {3}, 0)));
    assertEquals("width is 0; needed at least 1", refusal(() -> beam(outputs, 2, 3, 0, 0)));
    outputs[4] = Float.NaN;
    assertEquals(
        "output 1 at t=1 b=0 is NaN; needed a number", refusal(() -> beam(outputs, 2, 3, 0, 1)));
  }

  private static String refusal(Runnable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void labelErrorsAreTheFewestEdits() {
    assertEquals(new LabelErrors(0, 0, 0, 1), LabelErrors.of(new int[0], new int[0]));
    assertEquals(new LabelErrors(2, 0, 1, 1), LabelErrors.of(new int[0], new int[] {1, 2}));
    assertEquals(new LabelErrors(2, 2, 1, 1), LabelErrors.of(new int[] {1, 2}, new int[0]));
    // kitten, sitting
    int[] target = {11, 9, 20, 20, 5, 14};
    int[] said = {19, 9, 20, 20, 9, 14, 7};
    assertEquals(new LabelErrors(3, 6, 1, 1), LabelErrors.of(target, said));
    LabelErrors both = LabelErrors.of(target, said).plus(LabelErrors.of(said, said));
    assertEquals(3 / 13.0, both.rate());
    assertEquals(1, both.wrong());
    assertEquals(2, both.sequences());
  }
}
