package dev.sequor.io;

import java.util.List;

/** How a model is being trained, beyond what its trainer keeps. */
public sealed interface RunState permits TrainingRun, FitState, CheckpointConfig.NoRun {
  /** Files that belong to it, beside those of the checkpoint: names in the same directory. */
  default List<String> files() {
    return List.of();
  }

  /**
   * Throws if it knows of anything after {@code steps}.
   *
   * @throws IllegalArgumentException if so
   */
  default void requireNotAfter(long steps) {}
}
