package dev.sequor.backend.java;

import dev.sequor.backend.Activation;
import dev.sequor.backend.LinearShape;
import org.jspecify.annotations.Nullable;

/** Dense layers. */
final class Linear {
  private static final float[] ONE = {1f};

  /** Elements that are squashed at once. */
  private static final int BLOCK = 512;

  private final ThreadTeam team;
  private final Product[] products;

  /** {@code Wᵀ [K,N]} of the call under way; grows to the largest layer seen. */
  private float[] transposed = {};

  Linear(ThreadTeam team, Product[] products) {
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
          activate(shape.activation(), y.floats(), y.offset() + from * n, y.offset() + to * n);
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

  private static void activate(Activation activation, float[] y, int from, int to) {
    switch (activation) {
      case NONE -> {}
      case TANH -> {
        float[] values = new float[Math.min(BLOCK, to - from)];
        float[] scratch = new float[values.length];
        for (int block = from; block < to; block += BLOCK) {
          int count = Math.min(BLOCK, to - block);
          for (int i = 0; i < count; i++) {
            values[i] = 2f * y[block + i];
          }
          ElementaryFunctions.odds(values, scratch, count);
          for (int i = 0; i < count; i++) {
            y[block + i] = ElementaryFunctions.tanh(values[i]);
          }
        }
      }
      case RELU -> {
        for (int i = from; i < to; i++) {
          y[i] = Math.max(0f, y[i]);
        }
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
      JavaMemory dWeight,
      @Nullable JavaMemory dBias) {
    int m = shape.rows();
    int k = shape.inputSize();
    int n = shape.outputSize();
    Matrix gradient = Matrix.of(dy.floats(), dy.offset(), n);
    team.run(
        thread -> {
          int from = team.share(m, thread);
          int to = team.share(m, thread + 1);
          deactivate(shape.activation(), y, dy, from * n, to * n);
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

  /** {@code dy = dy∘f'}, from {@code y = f(a)}. */
  private static void deactivate(
      Activation activation, JavaMemory yBuffer, JavaMemory dyBuffer, int from, int to) {
    float[] y = yBuffer.floats();
    float[] dy = dyBuffer.floats();
    int yAt = yBuffer.offset();
    int dyAt = dyBuffer.offset();
    switch (activation) {
      case NONE -> {}
      case TANH -> {
        for (int i = from; i < to; i++) {
          dy[dyAt + i] *= (1f - y[yAt + i]) * (1f + y[yAt + i]);
        }
      }
      case RELU -> {
        for (int i = from; i < to; i++) {
          dy[dyAt + i] = y[yAt + i] <= 0f ? 0f : dy[dyAt + i];
        }
      }
    }
  }
}
