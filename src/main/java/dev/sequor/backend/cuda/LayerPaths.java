package dev.sequor.backend.cuda;

import java.util.ArrayList;
import java.util.List;

/** The paths there are, best first: a layer runs on the first that accepts it. */
final class LayerPaths {
  /** The step path is last: it runs everything. */
  static final LayerPaths ALL = new LayerPaths(List.of(new StepPath.Factory()));

  private final List<LayerPath.Factory> paths;

  LayerPaths(List<? extends LayerPath.Factory> bestFirst) {
    this.paths = List.copyOf(bestFirst);
  }

  /**
   * What a layer runs on.
   *
   * @param path the first that accepts it
   * @param why the path's name, and what each better one has against the layer
   */
  record Choice(LayerPath.Factory path, String why) {}

  /**
   * Asks one path after the other.
   *
   * @throws IllegalStateException if none accepts; names what each has against it
   */
  Choice choose(LayerSpec layer, CudaDevice device) {
    List<String> refusals = new ArrayList<>();
    for (LayerPath.Factory path : paths) {
      String refusal = path.refusal(layer, device);
      if (refusal == null) {
        refusals.add(0, path.name() + " path");
        return new Choice(path, String.join("; ", refusals));
      }
      refusals.add(path.name() + ": " + refusal);
    }
    throw new IllegalStateException(
        "no path runs " + layer + "; needed one of: " + String.join("; ", refusals));
  }
}
