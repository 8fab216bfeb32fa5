package dev.sequor.diagnose;

import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Window;
import dev.sequor.model.Clipping;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.WindowInputs;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import java.util.ArrayList;
import java.util.List;

/**
 * What clipping does to the gradients of single sequences, each as if it were a window to train on:
 * the gradient, by all weights, of the mean loss of its targets. Dropout and zoneout are off. The
 * window of a training has several sequences, and the mean of their gradients is smaller.
 *
 * @param clipping the bounds
 * @param elements of a gradient
 * @param gradients one for each sequence
 */
public record ClippedGradients(Clipping clipping, long elements, List<Gradient> gradients) {
  /** Checks that all is there. */
  public ClippedGradients {
    Required.present("clipping", clipping);
    gradients = List.copyOf(gradients);
  }

  /**
   * The gradient of a sequence.
   *
   * @param norm Euclidean, before clipping
   * @param scaled whether it is longer than the bound of its norm, and becomes as long as that
   * @param clamped how many elements are larger than the bound of values then, and become that
   */
  public record Gradient(double norm, boolean scaled, long clamped) {}

  /** How many gradients are scaled down to the bound of the norm. */
  public int scaled() {
    return (int) gradients.stream().filter(Gradient::scaled).count();
  }

  /** How many gradients have elements that are cut to the bound of values. */
  public int clamped() {
    return (int) gradients.stream().filter(each -> each.clamped() > 0).count();
  }

  /**
   * Looks at a model.
   *
   * @param window sequences of T steps each, from zero states
   * @throws IllegalArgumentException as {@link Diagnosis#of}
   */
  public static ClippedGradients of(SequenceModel model, Window window, Clipping clipping) {
    Network whole = Required.present("model", model).spec().network();
    Required.present("clipping", clipping);
    RecurrentStack.required(whole);
    WholeSequences.of(whole, Required.present("window", window));
    ProbedNetwork probed = new ProbedNetwork(whole);
    Network network = probed.network();
    List<Gradient> gradients = new ArrayList<>();
    Window first = SingleSequence.of(model.spec(), window, 0);
    try (NetworkWeights weights = NetworkWeights.of(model.backend(), network, model.tensors());
        NetworkPass pass =
            new NetworkPass(
                weights,
                network.complete(WindowInputs.of(whole, first).extent()),
                Mode.TRAINING,
                WeightStorage.FLOAT32,
                probed.probes())) {
      probed.giveZeros(pass);
      StepLoss loss = new StepLoss(pass, model.spec(), probed.now(model.spec().output()), false);
      for (int b = 0; b < window.batchSize(); b++) {
        Window sequence = SingleSequence.of(model.spec(), window, b);
        WindowInputs.of(whole, sequence).giveTo(pass);
        pass.upload();
        pass.forward();
        loss.gradient(sequence);
        weights.zeroGradients();
        pass.backward();
        gradients.add(gradient(weights.gradients().readFloats(), clipping));
      }
      return new ClippedGradients(clipping, weights.layout().totalElements(), gradients);
    }
  }

  private static Gradient gradient(float[] elements, Clipping clipping) {
    double squares = 0;
    for (float element : elements) {
      squares += (double) element * element;
    }
    double norm = Math.sqrt(squares);
    boolean scaled = clipping.globalNorm() > 0 && norm > clipping.globalNorm();
    double scale = scaled ? clipping.globalNorm() / norm : 1;
    long clamped = 0;
    for (float element : elements) {
      clamped += clipping.value() > 0 && Math.abs(element * scale) > clipping.value() ? 1 : 0;
    }
    return new Gradient(norm, scaled, clamped);
  }
}
