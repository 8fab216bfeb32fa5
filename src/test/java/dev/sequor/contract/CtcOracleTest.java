package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.reference.ReferenceCtc;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/**
 * The references that every backend is compared with, against each other and against PyTorch's
 * {@code ctc_loss} in float64.
 */
class CtcOracleTest {
  private static final double BAR = 1e-10;

  /** PyTorch's {@code Reduction}. */
  private static final int NONE = 0;

  private static final int MEAN = 1;
  private static final int SUM = 2;

  /** A batch whose targets can all be aligned. */
  private static final class Problem {
    final int steps;
    final int batch;
    final int width;
    final int blank;
    final int[] lengths;
    final int[][] targets;

    /** {@code [T,B,N]}. */
    final double[] outputs;

    Problem(Random random, int steps, int batch, int width) {
      this.steps = steps;
      this.batch = batch;
      this.width = width;
      this.blank = random.nextInt(width);
      this.lengths = random.ints(batch, 1, steps + 1).toArray();
      lengths[0] = steps;
      this.targets = new int[batch][];
      for (int b = 0; b < batch; b++) {
        int[] path = random.ints(lengths[b], 0, width).toArray();
        for (int t = 0; t < path.length; t++) {
          path[t] = random.nextBoolean() ? blank : path[t];
        }
        targets[b] = ReferenceCtc.collapse(path, blank);
      }
      this.outputs = random.doubles((long) steps * batch * width, -3, 3).toArray();
    }

    double[] outputsOf(int b) {
      double[] result = new double[lengths[b] * width];
      for (int i = 0; i < result.length; i++) {
        result[i] = outputs[(i / width * batch + b) * width + i % width];
      }
      return result;
    }

    /** PyTorch's losses, and the gradient of their sum by the outputs. */
    @SuppressWarnings("try") // the scope frees every tensor made inside it
    double[][] solve(int reduction) {
      try (PointerScope scope = new PointerScope()) {
        Tensor a = Tensor.create(outputs, steps, batch, width);
        a.set_requires_grad(true);
        long[] labels =
            Arrays.stream(targets).flatMapToInt(Arrays::stream).asLongStream().toArray();
        Tensor loss =
            torch.ctc_loss(
                torch.log_softmax(a, 2),
                Tensor.create(labels, labels.length),
                Arrays.stream(lengths).asLongStream().toArray(),
                Arrays.stream(targets).mapToLong(t -> t.length).toArray(),
                blank,
                reduction,
                false);
        loss.sum().backward();
        return new double[][] {values(loss), values(a.grad())};
      }
    }
  }

  private static double[] values(Tensor tensor) {
    DoubleBuffer buffer = tensor.detach().contiguous().createBuffer();
    double[] values = new double[(int) tensor.numel()];
    buffer.get(values);
    return values;
  }

  @Test
  void theRecursionEqualsTheSumOverAllPaths() {
    for (int seed = 0; seed < 40; seed++) {
      Problem p = new Problem(new Random(seed), 1 + seed % 7, 2, 2 + seed % 2);
      for (int b = 0; b < 2; b++) {
        ReferenceCtc expected =
            ReferenceCtc.overAllPaths(p.outputsOf(b), p.lengths[b], p.targets[b], p.blank);
        ReferenceCtc actual =
            ReferenceCtc.byRecursion(p.outputsOf(b), p.lengths[b], p.targets[b], p.blank);
        assertEquals(expected.loss(), actual.loss(), BAR, "seed " + seed);
        for (int i = 0; i < expected.gradient().length; i++) {
          assertEquals(expected.gradient()[i], actual.gradient()[i], BAR, "seed " + seed);
        }
      }
    }
  }

  @Test
  void theReferenceEqualsPyTorch() {
    int[][] sizes = {{1, 1, 2}, {5, 3, 4}, {30, 4, 6}, {60, 3, 30}, {400, 2, 5}};
    for (int[] size : sizes) {
      for (int seed = 0; seed < 4; seed++) {
        Problem p = new Problem(new Random(seed), size[0], size[1], size[2]);
        String what = Arrays.toString(size) + " seed " + seed;
        double[][] torch = p.solve(NONE);
        double sum = 0;
        double mean = 0;
        for (int b = 0; b < p.batch; b++) {
          ReferenceCtc expected =
              ReferenceCtc.byRecursion(p.outputsOf(b), p.lengths[b], p.targets[b], p.blank);
          assertEquals(expected.loss(), torch[0][b], BAR * Math.max(1, expected.loss()), what);
          for (int i = 0; i < expected.gradient().length; i++) {
            int at = (i / p.width * p.batch + b) * p.width + i % p.width;
            assertEquals(expected.gradient()[i], torch[1][at], 1e-9, what);
          }
          sum += expected.loss();
          mean += expected.loss() / Math.max(1, p.targets[b].length) / p.batch;
        }
        assertEquals(sum, p.solve(SUM)[0][0], BAR * Math.max(1, sum), what);
        assertEquals(mean, p.solve(MEAN)[0][0], BAR * Math.max(1, mean), what);
      }
    }
  }
}
