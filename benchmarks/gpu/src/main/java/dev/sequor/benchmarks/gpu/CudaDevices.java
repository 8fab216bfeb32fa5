package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Devices;
import java.util.HashMap;
import java.util.Map;

/** The first CUDA device, once per math mode, and the CPU that its results are compared with. */
final class CudaDevices implements AutoCloseable {
  private final Map<String, Backend> byMode = new HashMap<>();
  private final Backend reference = reference();

  private static Backend reference() {
    boolean engine =
        Devices.survey().stream()
            .anyMatch(status -> status.name().equals("cpu") && status.availability().usable());
    return Devices.open(engine ? "cpu" : "java");
  }

  /** {@code cpu}, or {@code java} where this build has no native engine. */
  Backend cpu() {
    return reference;
  }

  /** The device whose products multiply numbers of that mode. */
  Backend cuda(String mode) {
    return byMode.computeIfAbsent(mode, CudaDevices::open);
  }

  private static Backend open(String mode) {
    return Devices.open("cuda", BackendSettings.builder().mathMode(mode).build());
  }

  @Override
  public void close() {
    byMode.values().forEach(Backend::close);
    reference.close();
  }
}
