package dev.sequor.benchmarks.devices;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Results for a terminal. */
final class Table {
  private Table() {}

  static void printHeader(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "%-20s %-16s %14s  %-10s %11s %11s %11s %11s %7s %8s%n",
        "cell",
        "pass",
        "T,B,H",
        "device",
        "median ms",
        "min",
        "p95",
        "max",
        "calls",
        "speed-up");
  }

  /** The rows of one workload; the speed-up of the GPUs is over the first other device. */
  static void print(PrintStream out, List<Row> rows, List<Device> devices) {
    Row base =
        rows.stream()
            .filter(
                row -> devices.stream().anyMatch(d -> !d.gpu() && d.id().equals(row.deviceId())))
            .findFirst()
            .orElse(null);
    for (Row row : rows) {
      boolean gpu = devices.stream().anyMatch(d -> d.gpu() && d.id().equals(row.deviceId()));
      boolean compared = gpu && base != null && !row.what().pass().isCopy();
      out.printf(
          Locale.ROOT,
          "%-20s %-16s %14s  %-10s %11s %11s %11s %11s %7d %8s%n",
          row.cell() == null ? "" : row.cell(),
          row.pass(),
          row.what().shape(),
          row.deviceId(),
          ChartPage.millis(row.medianMillis()),
          ChartPage.millis(row.minMillis()),
          ChartPage.millis(row.p95Millis()),
          ChartPage.millis(row.maxMillis()),
          row.repetitions(),
          compared ? Crossover.ratio(base.medianMillis() / row.medianMillis()) + "x" : "");
    }
  }

  /** What a crossover is about, for example "LSTM forward, cuda:0 against cpu". */
  static String heading(Crossover crossover) {
    return crossover.cell()
        + " "
        + crossover.pass()
        + ", "
        + crossover.device()
        + " against "
        + crossover.reference()
        + (crossover.withCopies() ? ", with the copies of x in and y out added" : "");
  }
}
