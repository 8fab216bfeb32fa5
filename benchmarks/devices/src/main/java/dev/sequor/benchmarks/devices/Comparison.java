package dev.sequor.benchmarks.devices;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Computes workloads on every device and compares what comes out. */
final class Comparison implements AutoCloseable {
  private final List<Device> devices;
  private final Double tolerance;
  private final Map<Device, Backend> open = new HashMap<>();

  /**
   * The first device is the one that the others are compared with.
   *
   * @param tolerance null for that of the devices' products
   */
  Comparison(List<Device> devices, Double tolerance) {
    this.devices = devices;
    this.tolerance = tolerance;
    for (Device device : devices) {
      open.put(device, Devices.open(device.id()));
    }
  }

  /** One agreement per device but the first. */
  List<Agreement> compare(Workload what) {
    Device reference = devices.get(0);
    Map<String, float[]> expected = results(what, reference);
    List<Agreement> agreements = new ArrayList<>();
    for (Device device : devices.subList(1, devices.size())) {
      double allowed = tolerance == null ? Agreement.tolerance(device.name()) : tolerance;
      agreements.add(
          Agreement.of(what, device, results(what, device), reference, expected, allowed));
    }
    return agreements;
  }

  private Map<String, float[]> results(Workload what, Device device) {
    try (PassRun run = new PassRun(open.get(device), what.cell(), what.pass(), what.shape())) {
      run.run();
      return run.results();
    }
  }

  @Override
  public void close() {
    open.values().forEach(Backend::close);
    open.clear();
  }
}
