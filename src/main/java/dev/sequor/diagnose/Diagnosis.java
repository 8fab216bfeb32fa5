package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Extent;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
   * @param node the stack that it belongs to
   * @param layer its number in the stack, from 0
   * @param backward whether it reads from the end
   * @param gradientNorms {@code [T]}: {@code ‖∂loss/∂h⟨t⟩‖}, Euclidean, over all units and
   *     sequences, by way of everything that comes of {@code h⟨t⟩}, in time and above
   * @param gates what each of its gates does; none of a cell with layer normalisation or other
   *     activations, whose gates are other functions
   */
  public record Layer(
      String node, int layer, boolean backward, List<Double> gradientNorms, List<Gate> gates) {
    /** Checks that all is there. */
    public Layer {
      Required.present("node", node);
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
    ProbedNetwork probed = new ProbedNetwork(model.spec().network());
    if (probed.stacks().isEmpty()) {
      throw new IllegalArgumentException(
          "the model has no recurrent stack; needed at least one to look at");
    }
    Network network = probed.network();
    Map<String, NamedTensor> tensors = new HashMap<>();
    model.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
    Set<String> probes = new HashSet<>();
    for (ProbedNetwork.Stack stack : probed.stacks()) {
      probes.add(stack.probe());
      probes.addAll(stack.stateProbes());
    }
    Extent extent = network.complete(extent(network, window));
    Backend backend = model.backend();
    try (NetworkWeights weights = NetworkWeights.of(backend, network, model.tensors());
        NetworkPass pass =
            new NetworkPass(weights, extent, Mode.TRAINING, WeightStorage.FLOAT32, probes)) {
      put(pass, network, window, probes);
      pass.upload();
      pass.forward();
      // The gradient by a value may take its place.
      Map<String, float[]> read = new HashMap<>();
      for (ProbedNetwork.Stack stack : probed.stacks()) {
        read.put(stack.input(), pass.value(stack.input()).readFloats());
        if (!stack.initialState().isEmpty()) {
          read.put(stack.initialState(), pass.value(stack.initialState()).readFloats());
        }
      }
      String output = probed.now(model.spec().output());
      double loss = StepLoss.gradient(pass, model.spec(), output, window, of == Of.LAST_STEP);
      pass.backward();
      List<Layer> layers = new ArrayList<>();
      for (ProbedNetwork.Stack stack : probed.stacks()) {
        layers.addAll(new StackReplay(pass, stack, tensors, read).layers());
      }
      return new Diagnosis(loss, layers);
    }
  }

  private static Extent extent(Network network, Window window) {
    Map<String, Integer> timeSteps = new LinkedHashMap<>();
    for (Network.Input input : network.inputs()) {
      if (input.bringsAxis()) {
        timeSteps.put(input.name(), part(window, input.name()).timeSteps());
      }
    }
    return new Extent(window.batchSize(), timeSteps);
  }

  private static Window.Part part(Window window, String input) {
    for (Window.Part part : window.parts()) {
      if (part.input().equals(input) || (window.parts().size() == 1 && part.input().isEmpty())) {
        return part;
      }
    }
    throw new IllegalArgumentException("the window has no input '" + input + "'");
  }

  private static void put(NetworkPass pass, Network network, Window window, Set<String> probes) {
    for (Network.Input input : network.inputs()) {
      if (probes.contains(input.name())) {
        Buffer zeros = pass.value(input.name());
        pass.put(input.name(), new float[Math.toIntExact(zeros.elements())]);
        continue;
      }
      Window.Part part = part(window, input.name());
      int timeSteps = part.timeSteps();
      int[] lengths = part.lengths();
      for (int b = 0; lengths != null && b < lengths.length; b++) {
        if (lengths[b] != timeSteps) {
          throw new IllegalArgumentException(
              "sequence " + b + " has " + lengths[b] + " of " + timeSteps + " steps; needed all");
        }
      }
      if (input.shape() instanceof ValueShape.Tokens) {
        pass.put(input.name(), ((Values.Tokens) values(part, true)).ids());
      } else {
        pass.put(input.name(), ((Values.Reals) values(part, false)).values());
      }
    }
  }

  private static Values values(Window.Part part, boolean tokens) {
    Values values = Objects.requireNonNull(part.values());
    if (tokens ? !(values instanceof Values.Tokens) : !(values instanceof Values.Reals)) {
      throw new IllegalArgumentException(
          "the window has no "
              + (tokens ? "tokens" : "real vectors")
              + " for an input of them, '"
              + part.input()
              + "'");
    }
    return values;
  }
}
