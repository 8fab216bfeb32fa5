package dev.sequor.rnn;

import java.util.Arrays;

/**
 * How a tensor's first values are drawn, a pure function of its random numbers; the same on every
 * backend.
 */
@FunctionalInterface
public interface Initialization {
  /** The values of a tensor of so many elements, row-major. */
  float[] values(int elements, Draws draws);

  /** All the same. */
  static Initialization constant(float value) {
    return (elements, draws) -> {
      float[] values = new float[elements];
      Arrays.fill(values, value);
      return values;
    };
  }

  /** All 0. */
  static Initialization zeros() {
    return constant(0f);
  }

  /** {@code value} from element {@code from} on, {@code count} of them, and 0 elsewhere. */
  static Initialization constantWithin(int from, int count, float value) {
    return (elements, draws) -> {
      float[] values = new float[elements];
      Arrays.fill(values, from, from + count, value);
      return values;
    };
  }

  /** Uniform in ±{@code bound}. */
  static Initialization uniform(double bound) {
    return (elements, draws) -> {
      float[] values = new float[elements];
      for (int i = 0; i < elements; i++) {
        values[i] = draws.uniform(bound);
      }
      return values;
    };
  }

  /** Uniform in ±√(6/(fanIn + fanOut)) (Glorot and Bengio 2010). */
  static Initialization glorotUniform(int fanIn, int fanOut) {
    return uniform(Math.sqrt(6.0 / (fanIn + fanOut)));
  }

  /** Standard normal. */
  static Initialization normal() {
    return (elements, draws) -> {
      float[] values = new float[elements];
      for (int i = 0; i < elements; i++) {
        values[i] = (float) draws.normal();
      }
      return values;
    };
  }

  /**
   * Random orthogonal matrices {@code [size,size]} below each other (Saxe, McClelland and Ganguli
   * 2014), each uniform among all of them (Haar measure).
   */
  static Initialization orthogonal(int size) {
    return (elements, draws) -> Orthogonal.matrices(elements / size / size, size, draws);
  }
}
