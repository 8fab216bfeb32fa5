package dev.sequor.model;

import dev.sequor.backend.Required;
import dev.sequor.module.AdaptiveSoftmax;
import java.util.List;

/**
 * How the output layer of a {@link SequenceModelSpec} cuts its classes, see {@link
 * AdaptiveSoftmax}.
 *
 * @param cutoffs the first class of each cluster of rare ones, rising; none for a linear layer of
 *     all classes
 * @param divisor by which features narrow from cluster to cluster, at least 1
 */
public record OutputClusters(List<Integer> cutoffs, int divisor) {
  /** A linear layer of all classes. */
  public static final OutputClusters NONE = new OutputClusters(List.of(), 1);

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if {@code divisor} is less than 1, or not 1 without cutoffs
   */
  public OutputClusters {
    cutoffs = List.copyOf(Required.present("cutoffs", cutoffs));
    if (divisor < 1 || (cutoffs.isEmpty() && divisor != 1)) {
      throw new IllegalArgumentException(
          "divisor is "
              + divisor
              + "; needed "
              + (cutoffs.isEmpty() ? "1 without cutoffs" : "at least 1"));
    }
  }

  /** Whether the output layer is linear. */
  boolean isNone() {
    return cutoffs.isEmpty();
  }

  /**
   * The output layer.
   *
   * @throws IllegalArgumentException if the cutoffs do not rise from 1 to less than {@code classes}
   */
  AdaptiveSoftmax module(int inputSize, int classes) {
    return new AdaptiveSoftmax(inputSize, classes, cutoffs, divisor);
  }
}
