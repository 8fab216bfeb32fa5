package dev.sequor.fit;

import dev.sequor.io.FitState.Validation;

/**
 * Is told how a fit goes, on the thread that fits. What it throws ends the fit and comes out of it.
 */
public interface FitListener {
  /**
   * After some steps: each of them on a device that computes at once, up to ten on one that works
   * through a queue.
   *
   * @return whether to go on; if not, the fit ends as one that was {@linkplain
   *     FitResult.Ending#STOPPED stopped}
   */
  default boolean progressed(FitProgress progress) {
    return true;
  }

  /** After a validation, and before anything is kept of it. */
  default void validated(Validation validation) {}
}
