package dev.sequor.model;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Tensors that are updated otherwise than the rest, see {@link Optimizer#with}.
 *
 * @param tensors patterns of names, at least one, in which {@code *} stands for any characters,
 *     dots among them: {@code recurrent.*}, {@code *bias}
 * @param rate factor of the optimiser's learning rate, whatever that is at a step; 0 for tensors
 *     that are not updated at all, and whose gradients count nothing in the norm that clipping
 *     bounds
 * @param weightDecay at least 0, in place of the optimiser's
 */
public record ParameterGroup(List<String> tensors, float rate, float weightDecay) {
  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if it is empty, or a number is negative or not finite
   */
  public ParameterGroup {
    tensors = List.copyOf(tensors);
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException(
          "a group of parameters names no tensors; needed a pattern at least");
    }
    Constants.atLeastZero("rate", rate);
    Constants.atLeastZero("weightDecay", weightDecay);
  }

  /** The same with another factor of the learning rate. */
  public ParameterGroup withRate(float rate) {
    return new ParameterGroup(tensors, rate, weightDecay);
  }

  /** The same with another weight decay. */
  public ParameterGroup withWeightDecay(float weightDecay) {
    return new ParameterGroup(tensors, rate, weightDecay);
  }

  /** The same, not updated. */
  public ParameterGroup frozen() {
    return withRate(0f);
  }

  /** What matches the names that a pattern stands for. */
  static Pattern pattern(String pattern) {
    return Pattern.compile(
        Stream.of(pattern.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*")),
        Pattern.DOTALL);
  }
}
