package dev.sequor.model;

import dev.sequor.backend.BatchPart;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What several devices have of a batch: neighbouring sequences, numbers that differ by one at most.
 * Where there are fewer sequences than devices, some have none.
 */
final class WindowParts {
  private WindowParts() {}

  /** One device's sequences of a batch, and what a window has of them; null if there are none. */
  record Part(BatchPart sequences, @Nullable Window window) {}

  /** How many sequences a device has. */
  static int count(int device, int devices, int sequences) {
    return BatchPart.first(device + 1, devices, sequences)
        - BatchPart.first(device, devices, sequences);
  }

  /**
   * Cuts a window.
   *
   * @throws IllegalArgumentException if values are not rows of its sequences
   */
  static List<Part> of(ModelSpec spec, Window window, int devices) {
    if (devices == 1) {
      return List.of(new Part(BatchPart.WHOLE, window));
    }
    List<Part> parts = new ArrayList<>();
    int sequences = window.batchSize();
    for (int device = 0; device < devices; device++) {
      int count = count(device, devices, sequences);
      parts.add(
          count == 0
              ? new Part(BatchPart.WHOLE, null)
              : part(
                  spec,
                  window,
                  new BatchPart(BatchPart.first(device, devices, sequences), count, sequences)));
    }
    return parts;
  }

  private static Part part(ModelSpec spec, Window window, BatchPart of) {
    Network network = spec.network();
    WindowInputs given = WindowInputs.of(network, window);
    List<Window.Part> inputs = new ArrayList<>();
    for (Network.Input input : network.inputs()) {
      Window.Part all = given.part(input.name());
      inputs.add(
          new Window.Part(
              input.name(),
              all.timeSteps(),
              slice("input '" + input.name() + "'", all.values(), input.shape().width(), of),
              slice(all.lengths(), of)));
    }
    Values targets = slice("targets", window.targetValues(), spec.outputShape().width(), of);
    Window part;
    if (inputs.size() == 1) {
      Window.Part only = inputs.get(0);
      part =
          new SeriesWindow(
              only.timeSteps(),
              of.count(),
              only.values(),
              targets,
              only.lengths(),
              window.resetState());
    } else {
      part = new ParallelWindow(of.count(), inputs, targets, window.resetState());
    }
    if (window.advance() < window.timeSteps()) {
      part = part.overlapping(window.advance());
    }
    float[] weights = window.weights();
    if (weights != null) {
      part = part.weighted(rows("weights", weights, 1, of));
    }
    return new Part(of, part);
  }

  private static Values slice(String name, Values values, int width, BatchPart of) {
    if (values instanceof Values.Tokens tokens) {
      return new Values.Tokens(rows(name, tokens.ids(), of));
    }
    if (values instanceof Values.Reals reals) {
      return new Values.Reals(rows(name, reals.values(), width, of));
    }
    Values.Labels labels = (Values.Labels) values;
    return new Values.Labels(
        labels.longest(), rows(name, labels.ids(), of), rows(name, labels.lengths(), of));
  }

  private static int @Nullable [] slice(int @Nullable [] lengths, BatchPart of) {
    return lengths == null ? null : rows("lengths", lengths, of);
  }

  /** The columns {@code [..,count]} of {@code [..,B]}. */
  private static int[] rows(String name, int[] all, BatchPart of) {
    int rows = rows(name, all.length, of.of());
    int[] part = new int[rows * of.count()];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(all, row * of.of() + of.first(), part, row * of.count(), of.count());
    }
    return part;
  }

  /** The same of {@code [..,B,width]}. */
  private static float[] rows(String name, float[] all, int width, BatchPart of) {
    int rows = rows(name, all.length, of.of() * width);
    int count = of.count() * width;
    float[] part = new float[rows * count];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(all, (row * of.of() + of.first()) * width, part, row * count, count);
    }
    return part;
  }

  private static int rows(String name, int elements, int perRow) {
    if (elements % perRow != 0) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + elements
              + " elements; to be divided among devices, a batch needs a multiple of "
              + perRow);
    }
    return elements / perRow;
  }

  /** What device {@code device} of so many carries of the states of all streams. */
  static List<NamedTensor> split(List<NamedTensor> states, int device, int devices, int streams) {
    int count = count(device, devices, streams);
    return count == 0
        ? List.of()
        : CarriedStates.ofStreams(states, BatchPart.first(device, devices, streams), count);
  }
}
