package dev.sequor.backend.java;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateReport;
import java.util.Arrays;

/** Gradient clipping and the update rules of {@link OptimizerStep.Rule}. */
final class Optimizer {
  /** Elements of a part of the norm: the parts, and so the sum, do not depend on the threads. */
  private static final int PART = 8192;

  private final ThreadTeam team;
  private double[] partialSums = {};

  Optimizer(ThreadTeam team) {
    this.team = team;
  }

  /** Changes nothing but the report if the norm is not finite. */
  void step(
      OptimizerStep step,
      JavaMemory parameters,
      JavaMemory gradients,
      JavaMemory moments,
      JavaMemory report) {
    int count = (int) parameters.elements();
    double lossScale = LossScale.of(report);
    double length = Math.sqrt(sumOfSquares(gradients, count)) / lossScale;
    LossScale.record(report, (float) length);
    if (!Float.isFinite((float) length)) {
      return;
    }
    boolean clips = step.clipNorm() > 0 && length > step.clipNorm();
    float scale = (float) ((clips ? step.clipNorm() / length : 1) / lossScale);
    double t = step.step() - (double) report.floats()[report.offset() + UpdateReport.SKIPPED];
    team.run(
        thread ->
            update(
                step,
                t,
                scale,
                parameters,
                gradients,
                moments,
                team.share(count, thread),
                team.share(count, thread + 1)));
  }

  private double sumOfSquares(JavaMemory gradients, int count) {
    int parts = count / PART + 1;
    if (partialSums.length < parts) {
      partialSums = new double[parts];
    }
    double[] sums = partialSums;
    float[] g = gradients.floats();
    team.run(
        thread -> {
          for (int part = team.share(parts, thread); part < team.share(parts, thread + 1); part++) {
            int from = gradients.offset() + part * PART;
            int to = gradients.offset() + Math.min(count, part * PART + PART);
            double sum = 0;
            for (int i = from; i < to; i++) {
              sum += (double) g[i] * g[i];
            }
            sums[part] = sum;
          }
        });
    return Arrays.stream(sums, 0, parts).sum();
  }

  private static void update(
      OptimizerStep step,
      double t,
      float scale,
      JavaMemory parameters,
      JavaMemory gradients,
      JavaMemory moments,
      int from,
      int to) {
    float[] w = parameters.floats();
    float[] g = gradients.floats();
    float[] m = moments.floats();
    int wAt = parameters.offset();
    int gAt = gradients.offset();
    int mAt = moments.offset();
    int vAt = mAt + (int) parameters.elements();
    float clip = step.clipValue() > 0 ? step.clipValue() : Float.POSITIVE_INFINITY;
    float rate = step.learningRate();
    boolean adamW = step.rule() == OptimizerStep.Rule.ADAMW;
    float decay = adamW ? 0f : step.weightDecay();
    if (step.rule() == OptimizerStep.Rule.SGD) {
      float momentum = step.momentum();
      for (int i = from; i < to; i++) {
        float gradient = Math.max(-clip, Math.min(clip, g[gAt + i] * scale)) + decay * w[wAt + i];
        float velocity = momentum * m[mAt + i] + gradient;
        m[mAt + i] = velocity;
        w[wAt + i] -= rate * velocity;
      }
      return;
    }
    float beta1 = step.beta1();
    float beta2 = step.beta2();
    float keep = adamW ? (float) (1.0 - (double) rate * step.weightDecay()) : 1f;
    double correction1 = 1 - Math.pow(beta1, t);
    double correction2 = 1 - Math.pow(beta2, t);
    float rate1 = (float) (rate / correction1);
    float scale2 = (float) (1 / Math.sqrt(correction2));
    for (int i = from; i < to; i++) {
      float gradient = Math.max(-clip, Math.min(clip, g[gAt + i] * scale)) + decay * w[wAt + i];
      float mean = beta1 * m[mAt + i] + (1f - beta1) * gradient;
      float variance = beta2 * m[vAt + i] + (1f - beta2) * gradient * gradient;
      m[mAt + i] = mean;
      m[vAt + i] = variance;
      float root = (float) Math.sqrt(variance) * scale2;
      w[wAt + i] = w[wAt + i] * keep - rate1 * mean / (root + step.epsilon());
    }
  }
}
