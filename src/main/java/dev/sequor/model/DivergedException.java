package dev.sequor.model;

/**
 * Training has left the range in which it can learn: losses, gradients or weights are not finite,
 * or absurd, and more steps would not help. What was last good is in the last snapshot taken.
 */
public final class DivergedException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  private final long step;

  /**
   * An end at {@code step}.
   *
   * @param message the step, what was not as it should be, and what to try
   */
  public DivergedException(long step, String message) {
    super(message);
    this.step = step;
  }

  /** The step after which it was found. */
  public long step() {
    return step;
  }
}
