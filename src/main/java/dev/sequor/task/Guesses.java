package dev.sequor.task;

import dev.sequor.data.Window;
import dev.sequor.model.SequenceModel;
import java.util.List;

/** The likeliest class of each row of a model's outputs. */
final class Guesses {
  private Guesses() {}

  /** {@code [T·B]} or {@code [B]}; rows past a sequence's end are of no meaning. */
  static int[] of(SequenceModel model, Window window) {
    float[] outputs = model.forward(window, null).readFloats();
    int classes = model.spec().outputShape().width();
    int[] best = new int[outputs.length / classes];
    for (int row = 0; row < best.length; row++) {
      for (int c = 1; c < classes; c++) {
        if (outputs[row * classes + c] > outputs[row * classes + best[row]]) {
          best[row] = c;
        }
      }
    }
    return best;
  }

  /** How many of them are true, of all. */
  static double share(List<Boolean> right) {
    return (double) right.stream().filter(r -> r).count() / right.size();
  }

  /** For people. */
  static String verdict(boolean right) {
    return right ? " (right)" : " (wrong)";
  }
}
