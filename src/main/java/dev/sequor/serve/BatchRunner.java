package dev.sequor.serve;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.Extent;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Weights on a backend, and passes for the batches of late: what a predictor's thread works with.
 * All of it goes with the backend.
 */
final class BatchRunner {
  private final Backend backend;
  private final ModelSpec spec;
  private final List<String> axes;
  private final WeightStorage storage;
  private final NetworkWeights weights;
  private final Map<Extent, ServingPass> passes = new LinkedHashMap<>(16, 0.75f, true);

  /** A runner on the backend of the calling thread. */
  BatchRunner(Backend backend, TrainedModel model, List<String> axes, WeightStorage storage) {
    this.backend = backend;
    this.spec = model.model();
    this.axes = axes;
    this.storage = storage;
    this.weights = NetworkWeights.of(backend, spec.network(), model.parameters());
  }

  /** Whether sequences that start cannot be in a batch with others that go on. */
  boolean startsApart() {
    if (!spec.carriesState()) {
      return false;
    }
    try (NetworkState state = new NetworkState(backend, weights.network(), 1)) {
      return !state.marks().isEmpty();
    }
  }

  /** The answers to requests that {@linkplain BatchSizes#fits fit} each other, in their order. */
  List<float[]> run(List<Request> requests, BatchSizes sizes) {
    Extent extent = sizes.of(requests);
    ServingPass pass = passes.get(extent);
    if (pass == null) {
      makeRoom(sizes, sizes.elements(extent));
      pass = new ServingPass(weights, extent, axes, spec.output(), storage);
      passes.put(extent, pass);
    }
    return pass.run(requests);
  }

  /** Those least lately used go, until so many more elements are within the limit. */
  private void makeRoom(BatchSizes sizes, long more) {
    long elements = more;
    for (Extent extent : passes.keySet()) {
      elements += sizes.elements(extent);
    }
    Iterator<Map.Entry<Extent, ServingPass>> eldest = passes.entrySet().iterator();
    while (elements > BatchSizes.mostElements() && eldest.hasNext()) {
      Map.Entry<Extent, ServingPass> evicted = eldest.next();
      elements -= sizes.elements(evicted.getKey());
      eldest.remove();
      evicted.getValue().close();
    }
  }
}
