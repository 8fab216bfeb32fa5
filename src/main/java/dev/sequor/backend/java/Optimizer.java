package dev.sequor.backend.java;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The one list of what computes each {@link UpdateRule}, and what comes before: clipping. */
final class Optimizer {
  private static final Map<UpdateRule, RowUpdate> UPDATES =
      new EnumMap<>(
          Map.of(
              UpdateRule.SGD, new Sgd(false),
              UpdateRule.NESTEROV, new Sgd(true),
              UpdateRule.ADAGRAD, new Adagrad(),
              UpdateRule.LION, new Lion(),
              UpdateRule.CENTERED_RMSPROP, new CenteredRmsProp(),
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
      @Nullable UpdateGroups groups,
      JavaMemory parameters,
      JavaMemory gradients,
      JavaMemory moments,
      JavaMemory report) {
    RowUpdate update =
        Objects.requireNonNull(UPDATES.get(rule), "the java backend has no rule " + rule);
    int count = (int) parameters.elements();
    double lossScale = LossScale.of(report);
    Regions regions = Regions.of(groups, count);
    double length = Math.sqrt(sumOfSquares(gradients, regions, count)) / lossScale;
    LossScale.record(report, (float) length);
    if (!Float.isFinite((float) length)) {
      return;
    }
    float clipNorm = numbers.floats()[numbers.offset() + OptimizerStep.CLIP_NORM];
    boolean clips = clipNorm > 0 && length > clipNorm;
    float scale = (float) ((clips ? clipNorm / length : 1) / lossScale);
    float skipped = report.floats()[report.offset() + UpdateReport.SKIPPED];
    UpdateRows[] rows = new UpdateRows[(int) (numbers.elements() / OptimizerStep.ELEMENTS)];
    for (int group = 0; group < rows.length; group++) {
      rows[group] = new UpdateRows(numbers, group, parameters, gradients, moments, skipped, scale);
    }
    team.run(
        thread ->
            regions.within(
                team.share(count, thread),
                team.share(count, thread + 1),
                (group, from, to) -> update.run(rows[group], from, to)));
  }

  private double sumOfSquares(JavaMemory gradients, Regions regions, int count) {
    int parts = count / PART + 1;
    if (partialSums.length < parts) {
      partialSums = new double[parts];
    }
    double[] sums = partialSums;
    float[] g = gradients.floats();
    team.run(
        thread -> {
          for (int part = team.share(parts, thread); part < team.share(parts, thread + 1); part++) {
            int number = part;
            sums[number] = 0;
            regions.within(
                part * PART,
                Math.min(count, part * PART + PART),
                (group, from, to) -> {
                  double sum = sums[number];
                  for (int i = gradients.offset() + from; i < gradients.offset() + to; i++) {
                    sum += (double) g[i] * g[i];
                  }
                  sums[number] = sum;
                });
          }
        });
    return Arrays.stream(sums, 0, parts).sum();
  }
}
