package dev.sequor.diagnose;

import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.data.Window;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.WindowInputs;
import dev.sequor.module.Extent;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What the units of a model's recurrent layers are at each time step of a window, in inference.
 *
 * <p>Every layer is run step by step, so that the cell state between two steps is there as well. It
 * is meant to be looked at, not to be fast.
 *
 * @param layers from below, forward before backward, of all stacks in the order of the network
 */
public record Activations(List<Layer> layers) {
  /** Checks that all is there. */
  public Activations {
    layers = List.copyOf(layers);
  }

  /** The units of a layer in one direction. */
  public static final class Layer {
    private final LayerName name;
    private final int timeSteps;
    private final int batchSize;
    private final float[] hidden;
    private final float[] cells;

    /**
     * A layer.
     *
     * @param hidden {@code [T,B,W]}
     * @param cells {@code [T,B,H]}; empty if there is no cell state
     */
    Layer(LayerName name, int timeSteps, int batchSize, float[] hidden, float[] cells) {
      this.name = name;
      this.timeSteps = timeSteps;
      this.batchSize = batchSize;
      this.hidden = hidden;
      this.cells = cells;
    }

    /** Which it is. */
    public LayerName name() {
      return name;
    }

    /** {@code T}. */
    public int timeSteps() {
      return timeSteps;
    }

    /** {@code B}. */
    public int batchSize() {
      return batchSize;
    }

    /** {@code W}, the width of {@code h}: the units, or what a projection makes of them. */
    public int hiddenSize() {
      return hidden.length / (timeSteps * batchSize);
    }

    /** {@code H}, the cells with a state of their own; 0 if the layer has none. */
    public int cellSize() {
      return cells.length / (timeSteps * batchSize);
    }

    /**
     * An element of the hidden state, {@code h⟨t⟩} after each step that reads {@code x⟨t⟩}.
     *
     * @return {@code [T]}
     * @throws IndexOutOfBoundsException if there is no such unit or sequence
     */
    public double[] hidden(int sequence, int unit) {
      return series(hidden, hiddenSize(), sequence, unit);
    }

    /**
     * The cell state of a unit, {@code c⟨t⟩}.
     *
     * @return {@code [T]}
     * @throws IndexOutOfBoundsException if there is no such unit or sequence
     */
    public double[] cell(int sequence, int unit) {
      return series(cells, cellSize(), sequence, unit);
    }

    private double[] series(float[] all, int width, int sequence, int unit) {
      Objects.checkIndex(unit, width);
      Objects.checkIndex(sequence, batchSize);
      double[] series = new double[timeSteps];
      for (int t = 0; t < timeSteps; t++) {
        series[t] = all[(t * batchSize + sequence) * width + unit];
      }
      return series;
    }
  }

  /**
   * Looks at a model.
   *
   * @param window sequences of T steps each, which start anew; its targets are not looked at
   * @throws IllegalArgumentException if the model has no recurrent stack, or the window has padded
   *     sequences or does not fit
   */
  public static Activations of(SequenceModel model, Window window) {
    Network whole = Required.present("model", model).spec().network();
    List<RecurrentStack> stacks = RecurrentStack.required(whole);
    WindowInputs inputs = WholeSequences.of(whole, Required.present("window", window));
    Network network = upTo(whole, stacks.get(stacks.size() - 1));
    Extent extent = network.complete(inputs.extent());
    Map<String, NamedTensor> tensors = byName(model);
    Map<String, float[]> read;
    try (NetworkWeights weights = model.weights().part(network);
        NetworkPass pass = new NetworkPass(weights, extent, Mode.INFERENCE)) {
      inputs.giveTo(pass);
      pass.upload();
      pass.forward();
      read = StackReplay.read(pass, stacks);
    }
    List<Layer> layers = new ArrayList<>();
    for (RecurrentStack stack : stacks) {
      try (StackReplay replay =
          new StackReplay(
              model.backend(), stack, Mode.INFERENCE, extent.batchSize(), tensors, read)) {
        layers.addAll(replay.activations());
      }
    }
    return new Activations(layers);
  }

  /** The beginning of a network; what comes above its stacks may be large. */
  private static Network upTo(Network network, RecurrentStack last) {
    List<Network.Node> nodes = new ArrayList<>();
    for (Network.Node node : network.nodes()) {
      nodes.add(node);
      if (node.name().equals(last.node())) {
        break;
      }
    }
    return new Network(network.inputs(), nodes, List.of(last.node()));
  }

  /** The tensors of a model. */
  static Map<String, NamedTensor> byName(SequenceModel model) {
    Map<String, NamedTensor> tensors = new HashMap<>();
    model.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
    return tensors;
  }
}
