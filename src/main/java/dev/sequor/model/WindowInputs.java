package dev.sequor.model;

import dev.sequor.backend.Required;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a window has for each input of a network. */
public final class WindowInputs {
  private final Network network;
  private final Window window;

  private WindowInputs(Network network, Window window) {
    this.network = network;
    this.window = window;
  }

  /**
   * A window for a network.
   *
   * @throws IllegalArgumentException if it has another number of parts than the network has inputs
   */
  public static WindowInputs of(Network network, Window window) {
    List<Window.Part> parts = Required.present("window", window).parts();
    if (parts.size() != Required.present("network", network).inputs().size()) {
      throw new IllegalArgumentException(
          "the window has "
              + parts.size()
              + " inputs; the network needs "
              + network.inputs().stream().map(Network.Input::name).toList());
    }
    return new WindowInputs(network, window);
  }

  /**
   * The part for an input; a window that has a single one needs no name for it.
   *
   * @throws IllegalArgumentException if there is none
   */
  public Window.Part part(String input) {
    List<Window.Part> parts = window.parts();
    for (Window.Part part : parts) {
      if (part.input().equals(input) || (parts.size() == 1 && part.input().isEmpty())) {
        return part;
      }
    }
    throw new IllegalArgumentException(
        "the window has no input '"
            + input
            + "'; it has "
            + parts.stream().map(Window.Part::input).collect(Collectors.joining(", ")));
  }

  /**
   * The shape of a pass for it.
   *
   * @throws IllegalArgumentException if an input has no part
   */
  public Extent extent() {
    Map<String, Integer> timeSteps = new LinkedHashMap<>();
    for (Network.Input input : network.inputs()) {
      if (input.bringsAxis()) {
        timeSteps.put(input.name(), part(input.name()).timeSteps());
      }
    }
    return new Extent(window.batchSize(), timeSteps);
  }

  /**
   * Checks the values of all inputs and gives them to a pass, which has inputs of these names.
   *
   * @throws IllegalArgumentException if an input has no part, or one that does not fit
   */
  public void giveTo(NetworkPass pass) {
    for (Network.Input input : network.inputs()) {
      Window.Part part = part(input.name());
      if (part.values() instanceof Values.Tokens tokens) {
        pass.put(input.name(), tokens.ids(), part.lengths());
      } else if (part.values() instanceof Values.Reals reals) {
        pass.put(input.name(), reals.values(), part.lengths());
      } else {
        throw new IllegalArgumentException(
            "input '" + input.name() + "' is sequences of labels; needed tokens or real vectors");
      }
    }
  }
}
