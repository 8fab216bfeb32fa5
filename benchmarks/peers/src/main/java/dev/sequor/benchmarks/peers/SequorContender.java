package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.WeightStorage;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;

/** Sequor itself, on one of its devices. */
public final class SequorContender implements Contender {
  private final Backend backend;
  private final WeightStorage weights;

  private SequorContender(String device, WeightStorage weights) {
    this.backend = Devices.open(device);
    this.weights = weights;
  }

  /**
   * Arguments: the device, and how inference keeps its weights. The number of threads is set by
   * {@code SEQUOR_THREADS}.
   */
  public static void main(String[] arguments) throws IOException {
    Child.serve(() -> new SequorContender(arguments[0], WeightStorage.valueOf(arguments[1])));
  }

  @Override
  public String describe() {
    return "Sequor "
        + backend.name()
        + (weights == WeightStorage.FLOAT32 ? "" : ", weights " + weights.id());
  }

  @Override
  public Trial prepare(Case what, Problem numbers) {
    return new SequorTrial(backend, weights, what, numbers);
  }
}
