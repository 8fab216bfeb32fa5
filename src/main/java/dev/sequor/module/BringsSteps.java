package dev.sequor.module;

/**
 * A module whose main output runs along a time axis of its own, of a fixed number of steps. The
 * axis has the name of its node; its sequences have all steps each time, so that passes are not
 * told of it.
 */
public interface BringsSteps extends Module {
  /** The time axis; the name of the node. */
  String axis();

  /** {@code T}, at least 1. */
  int steps();
}
