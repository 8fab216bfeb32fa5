package dev.sequor.backend.java;

import dev.sequor.backend.UpdateReport;

/**
 * Dynamic loss scaling, see {@link UpdateReport}: twin of {@code
 * native/include/sequor/updates/update.h}.
 */
final class LossScale {
  private static final float UPDATES_TO_DOUBLE = 2000;
  private static final float LEAST = 2;
  private static final float MOST = 1 << 24;

  private LossScale() {}

  /** The scale that {@code report} holds. */
  static float of(JavaMemory report) {
    return report.floats()[report.offset() + UpdateReport.LOSS_SCALE];
  }

  /** Records the norm of an update, and what follows from it for the next. */
  static void record(JavaMemory report, float norm) {
    float[] fields = report.floats();
    int at = report.offset();
    boolean finite = Float.isFinite(norm);
    fields[at + UpdateReport.NORM] = norm;
    if (!finite) {
      fields[at + UpdateReport.SKIPPED]++;
    }
    float scale = of(report);
    if (scale == 1f) {
      return;
    }
    float updates = finite ? fields[at + UpdateReport.UPDATES_SINCE_SCALED] + 1 : 0;
    if (!finite) {
      scale = Math.max(LEAST, scale / 2);
    } else if (updates == UPDATES_TO_DOUBLE) {
      scale = Math.min(MOST, scale * 2);
      updates = 0;
    }
    fields[at + UpdateReport.LOSS_SCALE] = scale;
    fields[at + UpdateReport.UPDATES_SINCE_SCALED] = updates;
  }
}
