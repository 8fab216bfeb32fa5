package dev.sequor.model;

import dev.sequor.backend.Loss;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;

/**
 * Everything that fixes a model apart from its weights: a network, and a loss of one of its
 * outputs. {@link SequenceModelSpec} is the usual composition; {@link NetworkModelSpec} is any.
 */
public interface ModelSpec {
  /** The network; equal each time, and perhaps put together anew. */
  Network network();

  /** The output that the loss is of; the network has no other. */
  String output();

  /** What training minimises, from the outputs before any squashing. */
  Loss loss();

  /** What the output is. */
  default ValueShape outputShape() {
    ValueShape shape = network().shapes().get(output());
    if (shape == null) {
      throw new IllegalArgumentException("the network has no value '" + output() + "'");
    }
    return shape;
  }

  /**
   * How many classes it predicts one of: those of an {@linkplain dev.sequor.module.AdaptiveSoftmax
   * adaptive softmax}, otherwise the width of its output.
   */
  default int classes() {
    return AdaptiveOutput.classes(this);
  }

  /**
   * Whether the model may read the next steps of the same sequences in another window, with the
   * state in between carried on.
   */
  default boolean carriesState() {
    return network().canContinue() && !network().carriedStates().isEmpty();
  }
}
