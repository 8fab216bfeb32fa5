package dev.sequor.data;

import org.jspecify.annotations.Nullable;

/** What every kind of window requires of its sizes and lengths. */
final class WindowShape {
  private WindowShape() {}

  /** A window that an epoch has. */
  static void requireIndex(long windows, long epoch, long index) {
    if (index < 0 || index >= windows || epoch < 0) {
      throw new IllegalArgumentException(
          "window "
              + index
              + " of epoch "
              + epoch
              + " was asked for; needed 0 to "
              + (windows - 1)
              + " of an epoch from 0");
    }
  }

  static void check(int timeSteps, int batchSize, int @Nullable [] lengths) {
    if (timeSteps < 1) {
      throw new IllegalArgumentException("timeSteps is " + timeSteps + "; needed at least 1");
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize is " + batchSize + "; needed at least 1");
    }
    if ((long) timeSteps * batchSize > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "timeSteps · batchSize is "
              + (long) timeSteps * batchSize
              + "; needed at most "
              + Integer.MAX_VALUE);
    }
    if (lengths == null) {
      return;
    }
    if (lengths.length != batchSize) {
      throw new IllegalArgumentException(
          "lengths holds " + lengths.length + " elements; B=" + batchSize + " needs " + batchSize);
    }
    for (int b = 0; b < batchSize; b++) {
      if (lengths[b] < 0 || lengths[b] > timeSteps) {
        throw new IllegalArgumentException(
            "lengths[" + b + "] is " + lengths[b] + "; needed 0 to T=" + timeSteps);
      }
    }
  }
}
