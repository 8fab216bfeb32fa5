package dev.sequor.model;

import dev.sequor.data.WindowSource;

/**
 * When a trainer makes its steps, and what happens between them.
 *
 * @param <R> what comes of it
 */
@FunctionalInterface
public interface TrainingPlan<R> {
  /**
   * Trains.
   *
   * @param trainer stays the caller's, as does its model
   * @param data what to learn from
   */
  R run(Trainer trainer, WindowSource data);
}
