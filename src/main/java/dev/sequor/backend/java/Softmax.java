package dev.sequor.backend.java;

import dev.sequor.backend.SoftmaxShape;

/**
 * Probabilities of rows, or their logarithms; twin of {@code native/src/softmax.h}. Sums in double
 * precision.
 */
final class Softmax {
  private final ThreadTeam team;

  Softmax(ThreadTeam team) {
    this.team = team;
  }

  void forward(SoftmaxShape shape, JavaMemory x, JavaMemory y) {
    int n = shape.width();
    float[] from = x.floats();
    float[] to = y.floats();
    team.run(
        thread -> {
          int end = team.share(shape.rows(), thread + 1);
          for (int row = team.share(shape.rows(), thread); row < end; row++) {
            int at = x.offset() + row * n;
            int out = y.offset() + row * n;
            float top = Float.NEGATIVE_INFINITY;
            for (int j = 0; j < n; j++) {
              top = Math.max(top, from[at + j]);
            }
            double sum = 0;
            for (int j = 0; j < n; j++) {
              double power = Math.exp(from[at + j] - top);
              if (!shape.logarithm()) {
                to[out + j] = (float) power;
              }
              sum += power;
            }
            double scale = 1 / sum;
            double shift = Math.log(sum);
            for (int j = 0; j < n; j++) {
              to[out + j] =
                  (float) (shape.logarithm() ? from[at + j] - top - shift : to[out + j] * scale);
            }
          }
        });
  }

  void backward(SoftmaxShape shape, JavaMemory y, JavaMemory dy, JavaMemory dx) {
    int n = shape.width();
    float[] p = y.floats();
    float[] d = dy.floats();
    float[] to = dx.floats();
    team.run(
        thread -> {
          int end = team.share(shape.rows(), thread + 1);
          for (int row = team.share(shape.rows(), thread); row < end; row++) {
            int at = y.offset() + row * n;
            int from = dy.offset() + row * n;
            int out = dx.offset() + row * n;
            double total = 0;
            for (int j = 0; j < n; j++) {
              total += shape.logarithm() ? d[from + j] : (double) p[at + j] * d[from + j];
            }
            for (int j = 0; j < n; j++) {
              float v = d[from + j];
              double gradient =
                  shape.logarithm() ? v - Math.exp(p[at + j]) * total : p[at + j] * (v - total);
              to[out + j] = (float) gradient;
            }
          }
        });
  }
}
