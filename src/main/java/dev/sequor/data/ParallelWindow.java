package dev.sequor.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A window for a model of several inputs, for example of a sentence and its translation.
 *
 * @param batchSize {@code B}
 * @param parts what each input is given, under its name; at least one
 * @param targetValues as {@link Window#targetValues()}, along the time axis of the model's output
 * @param resetState whether the sequences start here, from a zero state
 */
public record ParallelWindow(
    int batchSize, List<Part> parts, Values targetValues, boolean resetState) implements Window {
  /**
   * Checks sizes and lengths.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public ParallelWindow {
    parts = List.copyOf(parts);
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("the window has no parts; needed at least 1");
    }
    for (Part part : parts) {
      WindowShape.check(part.timeSteps(), batchSize, part.lengths());
    }
  }

  @Override
  public int timeSteps() {
    return parts.get(0).timeSteps();
  }

  @Override
  public Values inputValues() {
    return parts.get(0).values();
  }

  @Override
  public int @Nullable [] lengths() {
    return parts.get(0).lengths();
  }
}
