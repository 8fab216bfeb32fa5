package dev.sequor.backend.java;

import dev.sequor.backend.LossFunction;
import dev.sequor.backend.LossShape;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one list of what computes each {@link LossFunction}, over batches; sums in double precision.
 * Rows are shared among threads, but their losses are added up in order.
 */
final class Losses {
  private static final Map<LossFunction, RowLoss> LOSSES =
      new EnumMap<>(
          Map.of(
              LossFunction.SOFTMAX_CROSS_ENTROPY, new SoftmaxCrossEntropy(),
              LossFunction.BINARY_CROSS_ENTROPY, new BinaryCrossEntropy(),
              LossFunction.MEAN_SQUARED_ERROR, new MeanSquaredError(),
              LossFunction.LABEL_SMOOTHED_CROSS_ENTROPY, new LabelSmoothedCrossEntropy(),
              LossFunction.WEIGHTED_BINARY_CROSS_ENTROPY, new WeightedBinaryCrossEntropy()));

  private final ThreadTeam team;

  /** Each thread's row under way; their scratch grows to the widest row seen. */
  private final LossRow[] rows;

  /** The loss of each row that is {@link #counted}. */
  private double[] rowLosses = {};

  private boolean[] counted = {};

  Losses(ThreadTeam team) {
    this.team = team;
    this.rows = new LossRow[team.size()];
    Arrays.setAll(rows, thread -> new LossRow());
  }

  void run(
      LossShape shape,
      JavaMemory outputs,
      JavaMemory targets,
      @Nullable JavaMemory lengths,
      @Nullable JavaMemory weights,
      float gradientScale,
      @Nullable JavaMemory dOutputs,
      JavaMemory result) {
    int count = shape.timeSteps() * shape.batchSize();
    if (rowLosses.length < count) {
      rowLosses = new double[count];
      counted = new boolean[count];
    }
    RowLoss loss =
        Objects.requireNonNull(
            LOSSES.get(shape.function()), "the java backend has no loss " + shape.function());
    float[] constants = shape.loss().constants();
    team.run(
        thread -> {
          LossRow row = rows[thread];
          row.constants = constants;
          rows(
              loss,
              row,
              shape,
              outputs,
              targets,
              lengths,
              weights,
              gradientScale,
              dOutputs,
              team.share(count, thread),
              team.share(count, thread + 1));
        });
    double sum = 0;
    double valid = 0;
    for (int row = 0; row < count; row++) {
      if (counted[row]) {
        float weight = weight(weights, row);
        sum += weight * rowLosses[row];
        valid += weight;
      }
    }
    result.floats()[result.offset()] = (float) sum;
    result.floats()[result.offset() + 1] = (float) valid;
  }

  /** Of a row; 1 where there are none. */
  private static float weight(@Nullable JavaMemory weights, int row) {
    return weights == null ? 1f : weights.floats()[weights.offset() + row];
  }

  private void rows(
      RowLoss loss,
      LossRow row,
      LossShape shape,
      JavaMemory outputs,
      JavaMemory targets,
      @Nullable JavaMemory lengths,
      @Nullable JavaMemory weights,
      float gradientScale,
      @Nullable JavaMemory dOutputs,
      int from,
      int to) {
    int width = shape.outputSize();
    boolean classes = shape.function().takesClasses();
    if (row.scratch.length < width) {
      row.scratch = new float[width];
    }
    row.a = outputs.floats();
    row.n = width;
    row.t = classes ? row.t : targets.floats();
    row.d = dOutputs == null ? null : dOutputs.floats();
    for (int r = from; r < to; r++) {
      int t = r / shape.batchSize();
      int b = r % shape.batchSize();
      row.at = outputs.offset() + r * width;
      row.tAt = targets.offset() + r * width;
      row.dAt = dOutputs == null ? 0 : dOutputs.offset() + r * width;
      row.target = classes ? targets.ints()[targets.offset() + r] : 0;
      float weight = weight(weights, r);
      row.scale = gradientScale * weight;
      counted[r] =
          weight != 0f
              && row.target >= 0
              && (lengths == null || t < lengths.ints()[lengths.offset() + b]);
      if (counted[r]) {
        rowLosses[r] = loss.run(row);
      } else if (row.d != null) {
        Arrays.fill(row.d, row.dAt, row.dAt + width, 0f);
      }
    }
  }
}
