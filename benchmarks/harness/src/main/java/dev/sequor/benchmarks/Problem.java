package dev.sequor.benchmarks;

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

  /** {@code x [T,B,I]}, of variance 1. */
  public float[] x() {
    return uniform(1, problem.sequenceElements(), (float) Math.sqrt(3));
  }

  /** {@code W [G·H,I]}, gates in PyTorch's order: i, f, g, o or r, z, n. */
  public float[] inputWeights() {
    return uniform(2, problem.gateRows() * problem.hiddenSize(), weightBound());
  }

  /** {@code R [G·H,H]}. */
  public float[] recurrentWeights() {
    return uniform(3, problem.gateRows() * problem.hiddenSize(), weightBound());
  }

  /** {@code bW [G·H]}. */
  public float[] inputBias() {
    return uniform(4, problem.gateRows(), weightBound());
  }

  /** {@code bR [G·H]}. */
  public float[] recurrentBias() {
    return uniform(5, problem.gateRows(), weightBound());
  }

  /** {@code dy [T,B,H]}, the gradient of the loss by the outputs. */
  public float[] outputGradient() {
    return uniform(6, problem.sequenceElements(), 1f);
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
