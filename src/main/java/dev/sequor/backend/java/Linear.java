package dev.sequor.backend.java;

import dev.sequor.backend.Activation;
import dev.sequor.backend.LinearShape;
import org.jspecify.annotations.Nullable;

/** Dense layers. */
final class Linear {
  private static final float[] ONE = {1f};

  private final ThreadTeam team;
  private final ThreadProducts products;

  /** {@code Wᵀ [K,N]} of the call under way; grows to the largest layer seen. */
  private float[] transposed = {};

  Linear(ThreadTeam team, ThreadProducts products) {
    this.team = team;
    this.products = products;
  }

  void forward(
      LinearShape shape, JavaMemory x, JavaMemory weight, @Nullable JavaMemory bias, JavaMemory y) {
    int m = shape.rows();
    int k = shape.inputSize();
    int n = shape.outputSize();
    int weights = JavaMemory.arrayLength("weight matrix", (long) k * n);
    if (transposed.length < weights) {
      transposed = new float[weights];
    }
    float[] packed = transposed;
    Product[] products = this.products.of((long) k * n);
    team.run(
        thread -> {
          transpose(
              weight.floats(),
              weight.offset(),
              packed,
              n,
              k,
              team.share(n, thread),
              team.share(n, thread + 1));
          team.barrier();
          int from = team.share(m, thread);
          int to = team.share(m, thread + 1);
          products[thread].multiply(
              Matrix.of(x.floats(), x.offset(), k),
              Matrix.of(packed, 0, n),
              Matrix.of(y.floats(), y.offset(), n),
              k,
              from,
              to,
              0,
              n,
              bias == null ? null : bias.floats(),
              bias == null ? 0 : bias.offset(),
              false);
          if (shape.activation() != Activation.NONE) {
            int at = y.offset() + from * n;
            Activations.apply(shape.activation(), y.floats(), at, y.floats(), at, (to - from) * n);
          }
        });
  }

  /** {@code target[k,row] = source[row,k]} for rows {@code [from, to)}. */
  private static void transpose(
      float[] source, int offset, float[] target, int rows, int columns, int from, int to) {
    for (int row = from; row < to; row++) {
      for (int k = 0; k < columns; k++) {
        target[k * rows + row] = source[offset + row * columns + k];
      }
    }
  }

  void backward(
      LinearShape shape,
      JavaMemory x,
      JavaMemory weight,
      JavaMemory y,
      JavaMemory dy,
      @Nullable JavaMemory dx,
      @Nullable JavaMemory dWeight,
      @Nullable JavaMemory dBias) {
    int m = shape.rows();
    int k = shape.inputSize();
    int n = shape.outputSize();
    Matrix gradient = Matrix.of(dy.floats(), dy.offset(), n);
    Product[] products = this.products.of((long) k * n);
    team.run(
        thread -> {
          int from = team.share(m, thread);
          int to = team.share(m, thread + 1);
          if (shape.activation() != Activation.NONE) {
            int at = dy.offset() + from * n;
            Activations.gradient(
                shape.activation(),
                y.floats(),
                y.offset() + from * n,
                dy.floats(),
                at,
                dy.floats(),
                at,
                (to - from) * n);
          }
          team.barrier();
          Product product = products[thread];
          if (dx != null) {
            product.multiply(
                gradient,
                Matrix.of(weight.floats(), weight.offset(), k),
                Matrix.of(dx.floats(), dx.offset(), k),
                n,
                from,
                to,
                0,
                k,
                null,
                0,
                false);
          }
          int first = team.share(n, thread);
          int last = team.share(n, thread + 1);
          if (dWeight != null) {
            product.multiply(
                gradient.transposed(),
                Matrix.of(x.floats(), x.offset(), k),
                Matrix.of(dWeight.floats(), dWeight.offset(), k),
                m,
                first,
                last,
                0,
                k,
                null,
                0,
                true);
          }
          if (dBias != null) {
            product.multiply(
                new Matrix(ONE, 0, 0, 0, null),
                gradient,
                Matrix.of(dBias.floats(), dBias.offset(), n),
                m,
                0,
                1,
                first,
                last,
                null,
                0,
                true);
          }
        });
  }
}
