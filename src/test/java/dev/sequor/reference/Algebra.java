package dev.sequor.reference;

/**
 * The vector operations a cell is written in. The cells are written once over this interface; real
 * numbers then give outputs, complex numbers derivatives by the complex-step method, and a tape
 * gradients by reverse accumulation, none of which knows any cell.
 *
 * @param <V> a vector {@code [n]}, or a row-major matrix where the operation says so
 */
public interface Algebra<V> {
  /** A constant. */
  V constant(double... values);

  /** Elements {@code [from, from + count)} of {@code a}. */
  V slice(V a, int from, int count);

  /** {@code a} followed by {@code b}. */
  V concatenate(V a, V b);

  /** {@code M x} for {@code M [rows, columns]} and {@code x [columns]}. */
  V product(V matrix, V x, int rows, int columns);

  /** {@code a + b}. */
  V add(V a, V b);

  /** {@code a − b}. */
  V subtract(V a, V b);

  /** {@code a ∘ b}, element by element. */
  V multiply(V a, V b);

  /** {@code 1 / (1 + exp(−a))}. */
  V sigmoid(V a);

  /** {@code tanh a}. */
  V tanh(V a);

  /** {@code max(0, a)}, with derivative 0 at 0. */
  V relu(V a);

  /** {@code 1 − a}. */
  V oneMinus(V a);

  /** {@code e^a}. */
  V exp(V a);

  /** {@code log a}, of positive numbers. */
  V log(V a);

  /** {@code 1 / a}. */
  V reciprocal(V a);

  /** {@code √a}, of positive numbers. */
  V squareRoot(V a);

  /** The sum of all elements, one number. */
  V sum(V a);

  /** One number as {@code n} equal ones. */
  V spread(V a, int n);

  /** Of each element that of {@code above} where {@code test} is greater, else of {@code below}. */
  V choose(V test, double threshold, V above, V below);
}
