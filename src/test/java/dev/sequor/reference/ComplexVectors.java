package dev.sequor.reference;

import dev.sequor.reference.ComplexVectors.Complex;

/**
 * Complex numbers, for derivatives by the complex step (Squire and Trapp 1998): {@code f'(x) = Im
 * f(x + i·ε) / ε} has no subtraction, so {@code ε} may be 1e-40 and the result is as exact as
 * {@code f} itself.
 */
final class ComplexVectors implements Algebra<Complex> {
  /** Real and imaginary parts of a vector. */
  static final class Complex {
    final double[] re;
    final double[] im;

    Complex(double[] re, double[] im) {
      RealVectors.requireSameLength(re.length, im.length);
      this.re = re;
      this.im = im;
    }
  }

  private static final RealVectors REAL = new RealVectors();

  @Override
  public Complex constant(double... values) {
    return new Complex(values, new double[values.length]);
  }

  @Override
  public Complex slice(Complex a, int from, int count) {
    return new Complex(REAL.slice(a.re, from, count), REAL.slice(a.im, from, count));
  }

  @Override
  public Complex concatenate(Complex a, Complex b) {
    return new Complex(REAL.concatenate(a.re, b.re), REAL.concatenate(a.im, b.im));
  }

  @Override
  public Complex product(Complex m, Complex x, int rows, int columns) {
    return new Complex(
        REAL.subtract(
            REAL.product(m.re, x.re, rows, columns), REAL.product(m.im, x.im, rows, columns)),
        REAL.add(REAL.product(m.re, x.im, rows, columns), REAL.product(m.im, x.re, rows, columns)));
  }

  @Override
  public Complex add(Complex a, Complex b) {
    return new Complex(REAL.add(a.re, b.re), REAL.add(a.im, b.im));
  }

  @Override
  public Complex subtract(Complex a, Complex b) {
    return new Complex(REAL.subtract(a.re, b.re), REAL.subtract(a.im, b.im));
  }

  @Override
  public Complex multiply(Complex a, Complex b) {
    return new Complex(
        REAL.subtract(REAL.multiply(a.re, b.re), REAL.multiply(a.im, b.im)),
        REAL.add(REAL.multiply(a.re, b.im), REAL.multiply(a.im, b.re)));
  }

  /** {@code σ(a) = (1 + tanh(a/2)) / 2}. */
  @Override
  public Complex sigmoid(Complex a) {
    int n = a.re.length;
    Complex result = new Complex(new double[n], new double[n]);
    for (int i = 0; i < n; i++) {
      tanh(a.re[i] / 2, a.im[i] / 2, result, i);
      result.re[i] = (1 + result.re[i]) / 2;
      result.im[i] /= 2;
    }
    return result;
  }

  @Override
  public Complex tanh(Complex a) {
    int n = a.re.length;
    Complex result = new Complex(new double[n], new double[n]);
    for (int i = 0; i < n; i++) {
      tanh(a.re[i], a.im[i], result, i);
    }
    return result;
  }

  /**
   * {@code tanh(p + iq) = (u + iv) / (1 + iuv)} with {@code u = tanh p}, {@code v = tan q}; the
   * imaginary part as {@code sin 2q / (cosh 2p + cos 2q)}, which does not cancel.
   */
  private static void tanh(double p, double q, Complex result, int i) {
    double u = Math.tanh(p);
    double v = Math.tan(q);
    result.re[i] = u * (1 + v * v) / (1 + u * u * v * v);
    result.im[i] = Math.sin(2 * q) / (Math.cosh(2 * p) + Math.cos(2 * q));
  }

  @Override
  public Complex relu(Complex a) {
    int n = a.re.length;
    Complex result = new Complex(new double[n], new double[n]);
    for (int i = 0; i < n; i++) {
      if (a.re[i] > 0) {
        result.re[i] = a.re[i];
        result.im[i] = a.im[i];
      }
    }
    return result;
  }

  @Override
  public Complex oneMinus(Complex a) {
    return new Complex(REAL.oneMinus(a.re), REAL.subtract(new double[a.im.length], a.im));
  }

  /** A function that is analytic, to the first order in the imaginary part, which is tiny. */
  private static Complex analytic(Complex a, double[] value, double[] slope) {
    return new Complex(value, REAL.multiply(slope, a.im));
  }

  @Override
  public Complex exp(Complex a) {
    double[] e = REAL.exp(a.re);
    return analytic(a, e, e);
  }

  @Override
  public Complex log(Complex a) {
    return analytic(a, REAL.log(a.re), REAL.reciprocal(a.re));
  }

  @Override
  public Complex reciprocal(Complex a) {
    double[] r = REAL.reciprocal(a.re);
    return analytic(a, r, REAL.subtract(new double[r.length], REAL.multiply(r, r)));
  }

  @Override
  public Complex squareRoot(Complex a) {
    double[] root = REAL.squareRoot(a.re);
    return analytic(a, root, REAL.reciprocal(REAL.add(root, root)));
  }

  @Override
  public Complex sum(Complex a) {
    return new Complex(REAL.sum(a.re), REAL.sum(a.im));
  }

  @Override
  public Complex spread(Complex a, int n) {
    return new Complex(REAL.spread(a.re, n), REAL.spread(a.im, n));
  }

  @Override
  public Complex choose(Complex test, double threshold, Complex above, Complex below) {
    return new Complex(
        REAL.choose(test.re, threshold, above.re, below.re),
        REAL.choose(test.re, threshold, above.im, below.im));
  }
}
