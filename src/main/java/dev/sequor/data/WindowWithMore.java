package dev.sequor.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A window of which more is said. */
sealed interface WindowWithMore extends Window permits OverlappingWindow, WeightedWindow {
  /** Which. */
  Window window();

  @Override
  default int timeSteps() {
    return window().timeSteps();
  }

  @Override
  default int batchSize() {
    return window().batchSize();
  }

  @Override
  default Values inputValues() {
    return window().inputValues();
  }

  @Override
  default Values targetValues() {
    return window().targetValues();
  }

  @Override
  default int @Nullable [] lengths() {
    return window().lengths();
  }

  @Override
  default boolean resetState() {
    return window().resetState();
  }

  @Override
  default List<Part> parts() {
    return window().parts();
  }

  @Override
  default int advance() {
    return window().advance();
  }

  @Override
  default float @Nullable [] weights() {
    return window().weights();
  }
}
