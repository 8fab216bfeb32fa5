package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * Gives things back one after the other. All is tried, whatever fails: a lost context refuses every
 * call, and the rest must still go.
 */
public final class Closing {
  private @Nullable Throwable first;

  /** Nothing has been given back yet. */
  public Closing() {}

  /** Gives back what was made before {@code failure}, to which it adds what fails now. */
  public static void after(Throwable failure, Runnable... steps) {
    Closing closing = new Closing();
    closing.first = failure;
    for (Runnable step : steps) {
      closing.then(step);
    }
  }

  /** Tries {@code step}. */
  public Closing then(Runnable step) {
    try {
      step.run();
    } catch (RuntimeException | Error e) {
      if (first == null) {
        first = e;
      } else if (first != e) {
        first.addSuppressed(e);
      }
    }
    return this;
  }

  /** Throws the first failure, with the others attached. */
  public void end() {
    if (first instanceof Error error) {
      throw error;
    }
    if (first instanceof RuntimeException exception) {
      throw exception;
    }
  }
}
