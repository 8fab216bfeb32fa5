package dev.sequor.spark;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkWeights;
import java.util.List;

/** The weights that a training on one machine would begin with. */
final class FirstWeights {
  private FirstWeights() {}

  static List<NamedTensor> of(ModelSpec spec, long seed) {
    try (Backend backend = Devices.open(TaskPlace.host());
        NetworkWeights weights = NetworkWeights.draw(backend, spec.network(), seed)) {
      return weights.tensors();
    }
  }
}
