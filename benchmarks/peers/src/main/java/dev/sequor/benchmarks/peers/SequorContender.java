package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;

/** Sequor itself, on one of its devices. */
public final class SequorContender implements Contender {
  private final Backend backend;

  private SequorContender(String device) {
    backend = Devices.open(device);
  }

  /** Arguments: the device. The number of threads is set by {@code SEQUOR_THREADS}. */
  public static void main(String[] arguments) throws IOException {
    Child.serve(() -> new SequorContender(arguments[0]));
  }

  @Override
  public String describe() {
    return "Sequor " + backend.name();
  }

  @Override
  public Trial prepare(Case what, Problem numbers) {
    return new SequorTrial(backend, what, numbers);
  }
}
