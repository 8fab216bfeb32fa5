package dev.sequor.backend.java;

import dev.sequor.backend.LossFunction;
import dev.sequor.backend.LossShape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Losses and their gradients; sums in double precision. Rows are shared among threads, but their
 * losses are added up in order.
 */
final class Loss {
  private final ThreadTeam team;

  /** {@code exp(a − max)} of each thread's row under way; grows to the widest row seen. */
  private final float[][] powers;

  /** The loss of each row that is {@link #counted}. */
  private double[] rowLosses = {};

  private boolean[] counted = {};

  Loss(ThreadTeam team) {
    this.team = team;
    this.powers = new float[team.size()][0];
  }

  void run(
      LossShape shape,
      JavaMemory outputs,
      JavaMemory targets,
      @Nullable JavaMemory lengths,
      float gradientScale,
      @Nullable JavaMemory dOutputs,
      JavaMemory result) {
    int rows = shape.timeSteps() * shape.batchSize();
    if (rowLosses.length < rows) {
      rowLosses = new double[rows];
      counted = new boolean[rows];
    }
    team.run(
        thread ->
            rows(
                shape,
                outputs,
                targets,
                lengths,
                gradientScale,
                dOutputs,
                thread,
                team.share(rows, thread),
                team.share(rows, thread + 1)));
    double sum = 0;
    long valid = 0;
    for (int row = 0; row < rows; row++) {
      if (counted[row]) {
        sum += rowLosses[row];
        valid++;
      }
    }
    result.floats()[result.offset()] = (float) sum;
    result.floats()[result.offset() + 1] = (float) valid;
  }

  private void rows(
      LossShape shape,
      JavaMemory outputs,
      JavaMemory targets,
      @Nullable JavaMemory lengths,
      float gradientScale,
      @Nullable JavaMemory dOutputs,
      int thread,
      int from,
      int to) {
    int width = shape.outputSize();
    if (powers[thread].length < width) {
      powers[thread] = new float[width];
    }
    float[] gradients = dOutputs == null ? null : dOutputs.floats();
    for (int row = from; row < to; row++) {
      int t = row / shape.batchSize();
      int b = row % shape.batchSize();
      int gradientAt = dOutputs == null ? 0 : dOutputs.offset() + row * width;
      boolean counts = lengths == null || t < lengths.ints()[lengths.offset() + b];
      if (counts && shape.function() == LossFunction.SOFTMAX_CROSS_ENTROPY) {
        counts = targets.ints()[targets.offset() + row] >= 0;
      }
      counted[row] = counts;
      if (!counts) {
        if (gradients != null) {
          Arrays.fill(gradients, gradientAt, gradientAt + width, 0f);
        }
        continue;
      }
      float[] a = outputs.floats();
      int at = outputs.offset() + row * width;
      rowLosses[row] =
          switch (shape.function()) {
            case SOFTMAX_CROSS_ENTROPY ->
                softmaxCrossEntropy(
                    powers[thread],
                    a,
                    at,
                    width,
                    targets.ints()[targets.offset() + row],
                    gradientScale,
                    gradients,
                    gradientAt);
            case BINARY_CROSS_ENTROPY ->
                binaryCrossEntropy(
                    a,
                    at,
                    width,
                    targets.floats(),
                    targets.offset() + row * width,
                    gradientScale,
                    gradients,
                    gradientAt);
            case MEAN_SQUARED_ERROR ->
                squaredError(
                    a,
                    at,
                    width,
                    targets.floats(),
                    targets.offset() + row * width,
                    gradientScale,
                    gradients,
                    gradientAt);
          };
    }
  }

  /** {@code log Σ exp(a − max) + max − a[target]}; gradient {@code softmax(a) − 1[target]}. */
  private static double softmaxCrossEntropy(
      float[] powers,
      float[] a,
      int at,
      int n,
      int target,
      float scale,
      float @Nullable [] da,
      int daAt) {
    float max = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < n; j++) {
      max = Math.max(max, a[at + j]);
    }
    double total = 0;
    for (int j = 0; j < n; j++) {
      float power = (float) Math.exp(a[at + j] - max);
      powers[j] = power;
      total += power;
    }
    double loss = Math.log(total) + ((double) max - a[at + target]);
    if (da != null) {
      float factor = (float) (scale / total);
      for (int j = 0; j < n; j++) {
        da[daAt + j] = powers[j] * factor;
      }
      da[daAt + target] -= scale;
    }
    return loss;
  }

  /**
   * {@code max(a,0) − a·t + log(1 + exp(−|a|))}, which neither overflows nor loses digits; gradient
   * {@code σ(a) − t}.
   */
  private static double binaryCrossEntropy(
      float[] a,
      int at,
      int n,
      float[] target,
      int targetAt,
      float scale,
      float @Nullable [] da,
      int daAt) {
    double loss = 0;
    for (int j = 0; j < n; j++) {
      double value = a[at + j];
      double power = Math.exp(-Math.abs(value));
      loss += Math.max(value, 0) - value * target[targetAt + j] + Math.log1p(power);
      if (da != null) {
        double sigmoid = (value >= 0 ? 1 : power) / (1 + power);
        da[daAt + j] = (float) (scale * (sigmoid - target[targetAt + j]));
      }
    }
    return loss;
  }

  private static double squaredError(
      float[] a,
      int at,
      int n,
      float[] target,
      int targetAt,
      float scale,
      float @Nullable [] da,
      int daAt) {
    double loss = 0;
    for (int j = 0; j < n; j++) {
      double difference = (double) a[at + j] - target[targetAt + j];
      loss += difference * difference;
      if (da != null) {
        da[daAt + j] = (float) (scale * 2 / n * difference);
      }
    }
    return loss / n;
  }
}
