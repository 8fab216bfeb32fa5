package dev.sequor.cli;

/** The work was asked to stop, and has ended in order. */
public final class StoppedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What was done, and how to go on. */
  public StoppedException(String message) {
    super(message);
  }
}
