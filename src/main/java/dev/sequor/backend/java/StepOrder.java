package dev.sequor.backend.java;

import dev.sequor.backend.Philox;
import dev.sequor.backend.options.StepRows;
import org.jspecify.annotations.Nullable;

/** Rows of a sequence by time and by step, perhaps masked. */
final class StepOrder {
  private final ThreadTeam team;

  StepOrder(ThreadTeam team) {
    this.team = team;
  }

  /** Work on one row of steps. */
  private interface Row {
    void work(JavaStepMaths.Words words, int step, int time, int b, boolean active);
  }

  private void eachRow(
      StepRows rows, @Nullable JavaMemory lengths, @Nullable JavaMemory key, Row row) {
    int batch = rows.batchSize();
    int count = rows.timeSteps() * batch;
    team.run(
        thread -> {
          JavaStepMaths.Words words = new JavaStepMaths.Words(key, rows.stream(), rows.width());
          int end = team.share(count, thread + 1);
          for (int r = team.share(count, thread); r < end; r++) {
            int k = r / batch;
            int b = r % batch;
            int length = lengths == null ? rows.timeSteps() : lengths.ints()[lengths.offset() + b];
            boolean active = k < length;
            int time = active && rows.reverse() ? length - 1 - k : k;
            row.work(words, r, time * batch + b, b, active);
          }
        });
  }

  void gather(
      StepRows rows,
      JavaMemory x,
      @Nullable JavaMemory lengths,
      @Nullable JavaMemory key,
      JavaMemory target) {
    int width = rows.width();
    int threshold = Philox.dropThreshold(rows.dropout());
    float scale = 1f / (1f - rows.dropout());
    eachRow(
        rows,
        lengths,
        key,
        (words, step, time, b, active) -> {
          int to = target.offset() + step * width;
          int from = x.offset() + time * width;
          for (int j = 0; j < width; j++) {
            boolean dropped =
                !active || (rows.dropout() > 0 && words.isBelow(threshold, b * width + j));
            target.floats()[to + j] = dropped ? 0f : x.floats()[from + j] * scale;
          }
        });
  }

  void scatter(
      StepRows rows,
      JavaMemory from,
      @Nullable JavaMemory lengths,
      @Nullable JavaMemory key,
      boolean add,
      JavaMemory dx) {
    int width = rows.width();
    int threshold = Philox.dropThreshold(rows.dropout());
    float scale = 1f / (1f - rows.dropout());
    eachRow(
        rows,
        lengths,
        key,
        (words, step, time, b, active) -> {
          int to = dx.offset() + time * width;
          int source = from.offset() + step * width;
          for (int j = 0; j < width; j++) {
            boolean dropped =
                !active || (rows.dropout() > 0 && words.isBelow(threshold, b * width + j));
            float value = dropped ? 0f : from.floats()[source + j] * scale;
            dx.floats()[to + j] = add ? dx.floats()[to + j] + value : value;
          }
        });
  }
}
