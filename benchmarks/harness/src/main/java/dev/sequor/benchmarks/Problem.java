package dev.sequor.benchmarks;

import java.util.Arrays;

/**
 * The numbers of a {@link Case}: the same in every process, since each is a function of the seed,
 * the tensor and the index alone. Nothing is zero: denormal or vanishing operands would flatter
 * some systems and slow others.
 */
public final class Problem {
  private final Case problem;
  private final long seed;

  /** The problem of one case. */
  public Problem(Case problem, long seed) {
    this.problem = problem;
    this.seed = seed;
  }

  /**
   * {@code x [T,B,I]}, of variance 1. Past the end of a sequence there are numbers, too, which
   * nothing may read.
   */
  public float[] x() {
    return uniform(1, problem.shape().inputElements(), (float) Math.sqrt(3));
  }

  /** {@code W [G·H,I]}, gates in PyTorch's order: i, f, g, o or r, z, n. */
  public float[] inputWeights(int layer, int direction) {
    int elements = problem.gateRows() * problem.shape().inputSize(layer);
    return uniform(tensor(2, layer, direction), elements, weightBound());
  }

  /** {@code R [G·H,H]}. */
  public float[] recurrentWeights(int layer, int direction) {
    int elements = problem.gateRows() * problem.hiddenSize();
    return uniform(tensor(3, layer, direction), elements, weightBound());
  }

  /** {@code bW [G·H]}. */
  public float[] inputBias(int layer, int direction) {
    return uniform(tensor(4, layer, direction), problem.gateRows(), weightBound());
  }

  /** {@code bR [G·H]}. */
  public float[] recurrentBias(int layer, int direction) {
    return uniform(tensor(5, layer, direction), problem.gateRows(), weightBound());
  }

  /**
   * {@code dy [T,B,D·H]}, the gradient of the loss by the outputs; 0 past the end of a sequence.
   */
  public float[] outputGradient() {
    return masked(
        problem.shape(), uniform(6, problem.shape().outputElements(), 1f), problem.directions());
  }

  private int tensor(int kind, int layer, int direction) {
    return kind + 8 * (layer * problem.directions() + direction);
  }

  /**
   * What {@link Trial#results} calls the gradient of a parameter: {@code dW}, and with {@code _l1}
   * for the second layer, {@code _reverse} for the backward direction behind it.
   */
  public static String gradient(String parameter, int layer, int direction) {
    return "d" + parameter + (layer == 0 ? "" : "_l" + layer) + (direction == 0 ? "" : "_reverse");
  }

  /**
   * Sets what lies past the end of each sequence to 0.
   *
   * @param tensor {@code [T,B,width·H]}, which is changed
   * @return the same
   */
  public static float[] masked(Shape shape, float[] tensor, int width) {
    int columns = width * shape.hiddenSize();
    int[] lengths = shape.lengths();
    for (int t = 0; t < shape.timeSteps(); t++) {
      for (int b = 0; b < shape.batchSize(); b++) {
        if (t >= lengths[b]) {
          int from = (t * shape.batchSize() + b) * columns;
          Arrays.fill(tensor, from, from + columns, 0f);
        }
      }
    }
    return tensor;
  }

  /** PyTorch's own initial range. */
  private float weightBound() {
    return (float) (1 / Math.sqrt(problem.hiddenSize()));
  }

  private float[] uniform(int tensor, int elements, float bound) {
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      long bits = mix(seed * 0x632BE59BD9B4E019L + ((long) tensor << 40) + i);
      values[i] = ((bits >>> 40) * 0x1p-23f - 1f + 0x1p-24f) * bound;
    }
    return values;
  }

  /** The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), on a Weyl sequence. */
  static long mix(long counter) {
    long z = (counter + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
