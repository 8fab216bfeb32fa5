package dev.sequor.rnn;

import dev.sequor.backend.ParameterLayout;

/**
 * Initial weights, a pure function of (seed, number of the tensor): the same on every backend.
 *
 * <ul>
 *   <li>Input and dense weights: uniform in ±√(6/(fan in + fan out)) (Glorot and Bengio 2010); for
 *       {@code W [G·H,I]} each gate is a matrix of its own, with fan in {@code I} and fan out
 *       {@code H}.
 *   <li>Recurrent weights: each gate's {@code [H,H]} is a random orthogonal matrix (Saxe,
 *       McClelland and Ganguli 2014).
 *   <li>Embeddings: standard normal, so that, after Glorot's weights, the gates see a variance near
 *       one.
 *   <li>Biases and peepholes: 0, but an LSTM's forget gate has an input bias of 1 (Jozefowicz,
 *       Zaremba and Sutskever 2015), so that it remembers before it has learned what to forget. The
 *       recurrent bias, which is added to it, stays 0.
 * </ul>
 */
public final class Initializer {
  private final long seed;

  /** Draws from {@code seed}. */
  public Initializer(long seed) {
    this.seed = seed;
  }

  /** The values of a tensor. */
  public float[] values(TensorSpec tensor, int number) {
    int elements = Math.toIntExact(tensor.elements());
    return tensor.initialization().values(elements, new Draws(seed, number));
  }

  /** Sets all parameters of a stack; its tensors are numbered from 0. */
  public void initialize(Parameters parameters) {
    parameters.values().write(stack(parameters.layout()));
  }

  private float[] stack(ParameterLayout layout) {
    float[] flat = new float[Math.toIntExact(layout.totalElements())];
    int at = 0;
    int number = 0;
    for (TensorSpec tensor : Parameters.tensors(layout)) {
      float[] values = values(tensor, number++);
      System.arraycopy(values, 0, flat, at, values.length);
      at += values.length;
    }
    return flat;
  }
}
