package dev.sequor.diagnose;

/**
 * The discrete Fourier transform of a power of two numbers, {@code Z[k] = Σ z[t]·e^(−2πi·kt/N)}, by
 * halves (Cooley and Tukey 1965).
 */
final class Fourier {
  private final int size;
  private final double[] cosines;
  private final double[] sines;

  /**
   * Of vectors of one size.
   *
   * @param size a power of two
   */
  Fourier(int size) {
    if (Integer.bitCount(size) != 1) {
      throw new IllegalArgumentException("size is " + size + "; needed a power of two");
    }
    this.size = size;
    this.cosines = new double[size / 2];
    this.sines = new double[size / 2];
    for (int i = 0; i < size / 2; i++) {
      cosines[i] = Math.cos(2 * Math.PI * i / size);
      sines[i] = -Math.sin(2 * Math.PI * i / size);
    }
  }

  /** The power of two that is at least {@code least}. */
  static int sizeFor(int least) {
    return least <= 1 ? 1 : Integer.highestOneBit(least - 1) << 1;
  }

  /** {@code N}. */
  int size() {
    return size;
  }

  /** In place. */
  void transform(double[] real, double[] imaginary) {
    reorder(real, imaginary);
    for (int half = 1; half < size; half *= 2) {
      int stride = size / (2 * half);
      for (int block = 0; block < size; block += 2 * half) {
        for (int i = 0; i < half; i++) {
          double c = cosines[i * stride];
          double s = sines[i * stride];
          int low = block + i;
          int high = low + half;
          double re = real[high] * c - imaginary[high] * s;
          double im = real[high] * s + imaginary[high] * c;
          real[high] = real[low] - re;
          imaginary[high] = imaginary[low] - im;
          real[low] += re;
          imaginary[low] += im;
        }
      }
    }
  }

  /** Back, in place: {@code z[t] = Σ Z[k]·e^(2πi·kt/N) / N}. */
  void inverse(double[] real, double[] imaginary) {
    transform(imaginary, real); // With its parts exchanged, a transform runs the other way.
    for (int i = 0; i < size; i++) {
      real[i] /= size;
      imaginary[i] /= size;
    }
  }

  /** Each element at the place whose bits are its own the other way round. */
  private void reorder(double[] real, double[] imaginary) {
    int reversed = 0;
    for (int i = 1; i < size; i++) {
      int bit = size / 2;
      while ((reversed & bit) != 0) {
        reversed ^= bit;
        bit /= 2;
      }
      reversed |= bit;
      if (i < reversed) {
        swap(real, i, reversed);
        swap(imaginary, i, reversed);
      }
    }
  }

  private static void swap(double[] values, int i, int j) {
    double kept = values[i];
    values[i] = values[j];
    values[j] = kept;
  }
}
