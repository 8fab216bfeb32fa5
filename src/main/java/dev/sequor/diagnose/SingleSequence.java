package dev.sequor.diagnose;

import dev.sequor.data.ParallelWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.WindowInputs;
import dev.sequor.module.Network;
import java.util.ArrayList;
import java.util.List;

/** One sequence of a window, as a window of its own. */
final class SingleSequence {
  private SingleSequence() {}

  /**
   * The sequence with this number, from a zero state.
   *
   * @throws IllegalArgumentException if the window does not fit the model, or has sequences of
   *     labels
   */
  static Window of(ModelSpec model, Window window, int sequence) {
    int batchSize = window.batchSize();
    WindowInputs inputs = WindowInputs.of(model.network(), window);
    List<Window.Part> parts = new ArrayList<>();
    for (Network.Input input : model.network().inputs()) {
      Window.Part part = inputs.part(input.name());
      Values values = values(part.values(), batchSize, sequence, input.shape().width());
      parts.add(new Window.Part(input.name(), part.timeSteps(), values, null));
    }
    Values targets =
        values(window.targetValues(), batchSize, sequence, model.outputShape().width());
    return new ParallelWindow(1, parts, targets, true);
  }

  /**
   * Of {@code [T,B]} or {@code [T,B,N]}, {@code [T]} or {@code [T,N]}.
   *
   * @param width {@code N} of real vectors
   */
  private static Values values(Values all, int batchSize, int sequence, int width) {
    if (all instanceof Values.Tokens tokens) {
      int[] ids = new int[tokens.size() / batchSize];
      for (int t = 0; t < ids.length; t++) {
        ids[t] = tokens.ids()[t * batchSize + sequence];
      }
      return new Values.Tokens(ids);
    }
    if (all instanceof Values.Reals reals) {
      float[] vectors = new float[reals.size() / batchSize / width * width];
      for (int i = 0; i < vectors.length; i += width) {
        System.arraycopy(reals.values(), i * batchSize + sequence * width, vectors, i, width);
      }
      return new Values.Reals(vectors);
    }
    throw new IllegalArgumentException(
        "the window has sequences of labels; needed values of time steps");
  }
}
