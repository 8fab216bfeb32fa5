package dev.sequor.task;

import dev.sequor.backend.Sizes;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import java.util.ArrayList;
import java.util.List;

/** The examples of a task in batches, each of them new; an epoch is any number of windows. */
record DrawnWindows<E>(DrawnTask<E> task, int batchSize, long seed) implements WindowSource {
  private static final long WINDOWS = 1000;

  DrawnWindows {
    Sizes.atLeastOne("batchSize", batchSize);
    if (task.length() > 0) {
      Sizes.product("length · batchSize", Integer.MAX_VALUE / 16, task.length(), batchSize);
    }
  }

  @Override
  public long windowsPerEpoch() {
    return WINDOWS;
  }

  @Override
  public Window window(long epoch, long index) {
    if (index < 0 || index >= WINDOWS) {
      throw new IllegalArgumentException(
          "window " + index + " was asked for; needed 0 to " + (WINDOWS - 1));
    }
    long first = (epoch * WINDOWS + index) * batchSize; // wraps around where nobody gets to
    List<E> examples = new ArrayList<>();
    for (int b = 0; b < batchSize; b++) {
      examples.add(task.trained(seed, first + b));
    }
    return task.window(examples);
  }
}
