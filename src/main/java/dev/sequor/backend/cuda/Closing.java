package dev.sequor.backend.cuda;

import org.jspecify.annotations.Nullable;

/**
 * Gives things back one after the other. All is tried, whatever fails: a lost context refuses every
 * call, and the rest must still go.
 */
final class Closing {
  private @Nullable RuntimeException first;

  void then(Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      if (first == null) {
        first = e;
      } else {
        first.addSuppressed(e);
      }
    }
  }

  /** Throws the first failure, with the others attached. */
  void end() {
    if (first != null) {
      throw first;
    }
  }
}
