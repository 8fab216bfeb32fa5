package dev.sequor.backend.java;

import dev.sequor.backend.NormShape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Layer normalisation; twin of {@code native/src/norms.h}. Sums of a row in double precision. */
final class Norms {
  private final ThreadTeam team;

  /** Sums over the rows of the call under way; grows to the widest row seen. */
  private double[] sums = {};

  Norms(ThreadTeam team) {
    this.team = team;
  }

  void forward(
      NormShape shape, JavaMemory x, JavaMemory parameters, JavaMemory y, JavaMemory saved) {
    int n = shape.width();
    float[] p = parameters.floats();
    int gain = parameters.offset();
    team.run(
        thread -> {
          for (int row = team.share(shape.rows(), thread);
              row < team.share(shape.rows(), thread + 1);
              row++) {
            int from = x.offset() + row * n;
            int to = y.offset() + row * n;
            double sum = 0;
            for (int j = 0; j < n; j++) {
              sum += x.floats()[from + j];
            }
            double mean = sum / n;
            double squares = 0;
            for (int j = 0; j < n; j++) {
              double difference = x.floats()[from + j] - mean;
              squares += difference * difference;
            }
            float scale = (float) (1 / Math.sqrt(squares / n + shape.epsilon()));
            for (int j = 0; j < n; j++) {
              float unit = (float) (x.floats()[from + j] - mean) * scale;
              y.floats()[to + j] = unit * p[gain + j] + p[gain + n + j];
            }
            saved.floats()[saved.offset() + 2 * row] = (float) mean;
            saved.floats()[saved.offset() + 2 * row + 1] = scale;
          }
        });
  }

  void backward(
      NormShape shape,
      JavaMemory x,
      JavaMemory parameters,
      JavaMemory saved,
      JavaMemory dy,
      @Nullable JavaMemory dx,
      JavaMemory dParameters) {
    int n = shape.width();
    float[] values = x.floats();
    float[] gradients = dy.floats();
    float[] kept = saved.floats();
    if (sums.length < 2L * n) {
      sums = new double[Math.multiplyExact(2, n)];
    }
    double[] all = sums;
    // A column belongs to one thread, which adds the rows in their order.
    team.run(
        thread -> {
          int begin = team.share(n, thread);
          int end = team.share(n, thread + 1);
          Arrays.fill(all, begin, end, 0);
          Arrays.fill(all, n + begin, n + end, 0);
          for (int row = 0; row < shape.rows(); row++) {
            float mean = kept[saved.offset() + 2 * row];
            float scale = kept[saved.offset() + 2 * row + 1];
            for (int j = begin; j < end; j++) {
              float d = gradients[dy.offset() + row * n + j];
              all[j] += d * ((values[x.offset() + row * n + j] - mean) * scale);
              all[n + j] += d;
            }
          }
          float[] to = dParameters.floats();
          for (int j = begin; j < end; j++) {
            to[dParameters.offset() + j] += (float) all[j];
            to[dParameters.offset() + n + j] += (float) all[n + j];
          }
        });
    if (dx == null) {
      return;
    }
    float[] p = parameters.floats();
    int gain = parameters.offset();
    team.run(
        thread -> {
          for (int row = team.share(shape.rows(), thread);
              row < team.share(shape.rows(), thread + 1);
              row++) {
            float mean = kept[saved.offset() + 2 * row];
            float scale = kept[saved.offset() + 2 * row + 1];
            int from = x.offset() + row * n;
            int at = dy.offset() + row * n;
            double sum = 0;
            double along = 0;
            for (int j = 0; j < n; j++) {
              double g = (double) gradients[at + j] * p[gain + j];
              sum += g;
              along += g * ((values[from + j] - mean) * scale);
            }
            for (int j = 0; j < n; j++) {
              float unit = (values[from + j] - mean) * scale;
              float g = gradients[at + j] * p[gain + j];
              dx.floats()[dx.offset() + row * n + j] =
                  scale * (g - (float) (sum / n) - unit * (float) (along / n));
            }
          }
        });
  }
}
