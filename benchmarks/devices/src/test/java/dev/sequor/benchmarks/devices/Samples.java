package dev.sequor.benchmarks.devices;

import dev.sequor.backend.CellType;
import dev.sequor.benchmarks.Machine;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Made-up results in the form of real ones, for tests of what is written of them. */
final class Samples {
  static final Device CPU = new Device("cpu", "cpu (AVX-512, 16 threads)", false, null, 16);
  static final Device GPU =
      new Device("cuda:0", "cuda:0 Made-up <GPU> & co", true, "580.1, for CUDA 13.0", null);
  static final Device SIMULATED =
      new Device("cuda:0", "cuda:0 Sequor simulator", true, "for CUDA 13.0", null);

  private Samples() {}

  static Row row(Workload what, Device device, double millis) {
    return Row.of(what, device, new Timing(millis, millis * 0.9, millis * 1.3, millis * 40, 50));
  }

  /** Two cells, twelve shapes. */
  static Results results(List<Device> devices) {
    List<Row> rows = new ArrayList<>();
    List<Agreement> agreements = new ArrayList<>();
    for (int hiddenSize : new int[] {128, 512, 1024}) {
      for (int batchSize : new int[] {1, 8, 32, 128}) {
        Shape shape = new Shape(128, batchSize, hiddenSize);
        for (Device device : devices) {
          rows.addAll(rows(shape, device));
        }
        if (devices.size() > 1) {
          agreements.add(
              new Agreement(
                  new Workload(CellType.LSTM, Pass.FORWARD_BACKWARD, shape),
                  devices.get(1).id(),
                  devices.get(0).id(),
                  "dParameters",
                  3e-6,
                  2e-6,
                  1e-4));
        }
      }
    }
    Map<String, String> systems = new LinkedHashMap<>();
    devices.forEach(device -> systems.put("sequor-" + device.id(), "Sequor " + device.name()));
    return new Results(
        devices.stream().anyMatch(Device::isSimulated) ? CpuVsGpu.SIMULATOR_WARNING : null,
        new Machine("A processor", 16, 128, "A JVM 17", "Linux 6"),
        "0123456789ab",
        "2026-01-02T03:04:05Z",
        "1.37",
        JmhTimer.Settings.FULL,
        systems,
        Map.of(),
        agreements,
        rows,
        Crossover.all(rows, devices));
  }

  private static List<Row> rows(Shape shape, Device device) {
    List<Row> rows = new ArrayList<>();
    double copy = (device.gpu() ? 0.01 : 0.0005) + shape.sequenceElements() * 4 / 2e7;
    rows.add(row(new Workload(null, Pass.COPY_IN, shape), device, copy));
    rows.add(row(new Workload(null, Pass.COPY_OUT, shape), device, copy * 1.2));
    for (CellType cell : List.of(CellType.LSTM, CellType.GRU_RESET_AFTER)) {
      double flops = 4.0 * cell.gates() * shape.work();
      double forward =
          device.gpu()
              ? shape.timeSteps() * 0.004 + flops / 20e9
              : shape.timeSteps() * 0.0003 + flops / 0.8e9;
      rows.add(row(new Workload(cell, Pass.FORWARD, shape), device, forward));
      rows.add(row(new Workload(cell, Pass.FORWARD_BACKWARD, shape), device, 3.1 * forward));
    }
    return rows;
  }
}
