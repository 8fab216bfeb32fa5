package dev.sequor.backend.java;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/** The one list of what computes each {@link UpdateRule}, and what comes before: clipping. */
final class Optimizer {
  private static final Map<UpdateRule, RowUpdate> UPDATES =
      new EnumMap<>(
          Map.of(
              UpdateRule.SGD, new Sgd(),
              UpdateRule.ADAM, new Adam(false),
              UpdateRule.ADAMW, new Adam(true),
              UpdateRule.RMSPROP, new RmsProp()));

  /** Elements of a part of the norm: the parts, and so the sum, do not depend on the threads. */
  private static final int PART = 8192;

  private final ThreadTeam team;
  private double[] partialSums = {};

  Optimizer(ThreadTeam team) {
    this.team = team;
  }

  /** Changes nothing but the report if the norm is not finite. */
  void step(
      UpdateRule rule,
      JavaMemory numbers,
      JavaMemory parameters,
      JavaMemory gradients,
      JavaMemory moments,
      JavaMemory report) {
    RowUpdate update =
        Objects.requireNonNull(UPDATES.get(rule), "the java backend has no rule " + rule);
    int count = (int) parameters.elements();
    double lossScale = LossScale.of(report);
    double length = Math.sqrt(sumOfSquares(gradients, count)) / lossScale;
    LossScale.record(report, (float) length);
    if (!Float.isFinite((float) length)) {
      return;
    }
    float clipNorm = numbers.floats()[numbers.offset() + OptimizerStep.CLIP_NORM];
    boolean clips = clipNorm > 0 && length > clipNorm;
    float scale = (float) ((clips ? clipNorm / length : 1) / lossScale);
    float skipped = report.floats()[report.offset() + UpdateReport.SKIPPED];
    UpdateRows rows = new UpdateRows(numbers, parameters, gradients, moments, skipped, scale);
    team.run(thread -> update.run(rows, team.share(count, thread), team.share(count, thread + 1)));
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
}
