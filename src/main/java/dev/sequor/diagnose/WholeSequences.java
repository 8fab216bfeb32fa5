package dev.sequor.diagnose;

import dev.sequor.data.Window;
import dev.sequor.model.WindowInputs;
import dev.sequor.module.Network;

/** Windows of sequences that are all as long, which are looked at step by step. */
final class WholeSequences {
  private WholeSequences() {}

  /**
   * What such a window has for a network.
   *
   * @throws IllegalArgumentException if it does not fit, or a sequence is shorter
   */
  static WindowInputs of(Network network, Window window) {
    WindowInputs inputs = WindowInputs.of(network, window);
    for (Window.Part part : window.parts()) {
      int[] lengths = part.lengths();
      for (int b = 0; lengths != null && b < lengths.length; b++) {
        if (lengths[b] != part.timeSteps()) {
          throw new IllegalArgumentException(
              "sequence "
                  + b
                  + " has "
                  + lengths[b]
                  + " of "
                  + part.timeSteps()
                  + " steps; needed all");
        }
      }
    }
    return inputs;
  }
}
