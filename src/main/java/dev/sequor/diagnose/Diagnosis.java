package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Window;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.WindowInputs;
import dev.sequor.module.Extent;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * How a model's recurrent layers stand in one window: how much the loss depends on the hidden state
 * at each time step, and what the gates do.
 *
 * <p>Every layer is run step by step once more, with what it read and the gradient that came from
 * above, so that the state between two steps and the gradient by it can be looked at. Dropout and
 * zoneout are off. It is meant to be looked at, not to be fast.
 *
 * @param loss the mean loss of the targets that count
 * @param layers from below, forward before backward, of all stacks in the order of the network
 */
public record Diagnosis(double loss, List<Layer> layers) {
  /** Checks that all is there. */
  public Diagnosis {
    layers = List.copyOf(layers);
  }

  /** Which targets count. */
  public enum Of {
    /** Those of the last time step: how far back it reaches. */
    LAST_STEP,
    /** All of them. */
    ALL_STEPS
  }

  /**
   * A layer in one direction.
   *
   * @param name which it is
   * @param gradientNorms {@code [T]}: {@code ‖∂loss/∂h⟨t⟩‖}, Euclidean, over all units and
   *     sequences, by way of everything that comes of {@code h⟨t⟩}, in time and above
   * @param gates what each of its gates does; none of a cell with layer normalisation or other
   *     activations, whose gates are other functions
   * @param clippedCells the part of the cell states, over all units, sequences and steps, that are
   *     at their {@linkplain dev.sequor.backend.CellOptions#cellClip() bound}; none if there is no
   *     bound
   */
  public record Layer(
      LayerName name, List<Double> gradientNorms, List<Gate> gates, OptionalDouble clippedCells) {
    /** Checks that all is there. */
    public Layer {
      Required.present("name", name);
      Required.present("clippedCells", clippedCells);
      gradientNorms = List.copyOf(gradientNorms);
      gates = List.copyOf(gates);
    }
  }

  /**
   * A gate, over all units, sequences and time steps.
   *
   * @param name one of {@link dev.sequor.backend.CellType#gateNames()}
   * @param mean of its values
   * @param low the part of them that is saturated at the lower end: below 0.1 of a logistic
   *     function, below −0.9 of a hyperbolic tangent, 0 of {@code max(0, x)}
   * @param high that at the upper end: above 0.9; none of {@code max(0, x)}
   */
  public record Gate(char name, double mean, double low, double high) {}

  /**
   * Looks at a model.
   *
   * @param window sequences of T steps each, from zero states
   * @throws IllegalArgumentException if the model has no recurrent stack or a loss that is none of
   *     rows, or the window has padded sequences or does not fit
   */
  public static Diagnosis of(SequenceModel model, Window window, Of of) {
    Required.present("model", model);
    Required.present("window", window);
    Required.present("of", of);
    RecurrentStack.required(model.spec().network());
    WindowInputs inputs = WholeSequences.of(model.spec().network(), window);
    ProbedNetwork probed = new ProbedNetwork(model.spec().network());
    Network network = probed.network();
    List<ProbedNetwork.Stack> stacks = probed.stacks();
    Map<String, NamedTensor> tensors = Activations.byName(model);
    Set<String> probes = probed.probes();
    Extent extent = network.complete(inputs.extent());
    Backend backend = model.backend();
    try (NetworkWeights weights = NetworkWeights.of(backend, network, model.tensors());
        NetworkPass pass =
            new NetworkPass(weights, extent, Mode.TRAINING, WeightStorage.FLOAT32, probes)) {
      inputs.giveTo(pass);
      probed.giveZeros(pass);
      pass.upload();
      pass.forward();
      // The gradient by a value may take its place.
      Map<String, float[]> read =
          StackReplay.read(pass, stacks.stream().map(ProbedNetwork.Stack::recurrent).toList());
      String output = probed.now(model.spec().output());
      double loss = new StepLoss(pass, model.spec(), output, of == Of.LAST_STEP).gradient(window);
      pass.backward();
      List<Layer> layers = new ArrayList<>();
      for (ProbedNetwork.Stack stack : stacks) {
        try (StackReplay replay =
            new StackReplay(
                backend, stack.recurrent(), Mode.TRAINING, extent.batchSize(), tensors, read)) {
          layers.addAll(replay.backward(pass, stack));
        }
      }
      return new Diagnosis(loss, layers);
    }
  }
}
