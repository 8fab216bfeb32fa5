package dev.sequor.report;

import java.util.List;

/** Is told how a training goes, on the thread that trains. */
public interface TrainingObserver {
  /** After some steps: each of them on a device that computes at once. */
  default void progressed(TrainingRecord.Point point) {}

  /** After a look at data that are not learned from. */
  default void judged(TrainingRecord.Judgement judgement) {}

  /** After the model has written something. */
  default void sampled(TrainingRecord.Sample sample) {}

  /** Whether {@link #sampled} is of any use. */
  default boolean wantsSamples() {
    return false;
  }

  /** When something happens that people want to know. */
  default void happened(TrainingRecord.Event event) {}

  /** At the end, whatever it is. */
  default void ended(TrainingRecord.State state) {}

  /** Tells all of {@code observers}, in their order. */
  static TrainingObserver all(List<TrainingObserver> observers) {
    return new TrainingObservers(observers);
  }
}
