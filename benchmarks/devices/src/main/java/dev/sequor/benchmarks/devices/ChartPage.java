package dev.sequor.benchmarks.devices;

import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Ink;
import dev.sequor.picture.Marker;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The results as one page: charts, what they say in words, and the figures. */
final class ChartPage {
  private static final String WATERMARK = "SIMULATOR, NOT A GPU";

  /** Room for many lines' names at their ends. */
  private static final double WIDTH = 420;

  private static final double HEIGHT = 330;

  /** What was too short to be timed is drawn as this long: a logarithm has no place for 0. */
  private static final double LEAST_MILLIS = 1e-6;

  private final Results results;
  private final List<Device> devices;

  ChartPage(Results results, List<Device> devices) {
    this.results = results;
    this.devices = devices;
  }

  /** The whole page. */
  String html() {
    HtmlPage page = HtmlPage.of(title());
    if (isSimulated()) {
      page.warning(results.simulator());
    }
    writeCrossovers(page);
    writePassCharts(page);
    writeCopyChart(page);
    writeFigures(page);
    writeAgreement(page);
    writeFooter(page);
    return page.html();
  }

  private boolean isSimulated() {
    return results.simulator() != null;
  }

  /** The devices and the date. */
  String title() {
    return (isSimulated() ? WATERMARK + ". " : "")
        + "Sequor on "
        + devices.stream().map(Device::name).collect(Collectors.joining(" and "))
        + ", "
        + results.date().substring(0, 10);
  }

  private void writeCrossovers(HtmlPage page) {
    List<HtmlPage.Item> items = new ArrayList<>();
    for (Crossover crossover : results.crossovers()) {
      items.add(new HtmlPage.Item(Table.heading(crossover) + ":", crossover.words()));
    }
    if (devices.stream().noneMatch(Device::gpu)) {
      items.add(new HtmlPage.Item("", "No GPU was measured, so there is nothing to compare."));
    }
    results
        .skipped()
        .forEach((what, why) -> items.add(new HtmlPage.Item("Not measured, " + what + ":", why)));
    page.section("Which is faster")
        .list(items)
        .remark(
            "B·H is the batch size times the hidden size. Faster means that the median is at least"
                + " 5 % better. Only shapes in the table below were measured.");
  }

  private void writePassCharts(HtmlPage page) {
    List<Series> key = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      key.add(Series.points(devices.get(i).name(), i, List.of()));
    }
    page.section("Time per time step")
        .key(key)
        .remark(
            "Marks are medians of single calls divided by the number of time steps T; thin bars"
                + " reach from the fastest call to the 95th of 100. A line joins shapes that differ"
                + " in B only. Inputs and results stay in the device's memory.");
    List<Svg> charts = new ArrayList<>();
    for (Workload kind :
        results.rows().stream()
            .map(Row::what)
            .filter(what -> !what.pass().isCopy())
            .map(what -> new Workload(what.cell(), what.pass(), null))
            .distinct()
            .sorted(Comparator.comparing(Workload::cell).thenComparing(Workload::pass))
            .toList()) {
      List<Row> rows =
          results.rows().stream()
              .filter(r -> r.what().cell() == kind.cell() && r.what().pass() == kind.pass())
              .toList();
      charts.add(
          chart(
              kind.cell() + " " + kind.pass().id(),
              "B·H, batch size × hidden size",
              "µs per time step",
              lines(rows)));
    }
    page.pictures(charts);
  }

  private Svg chart(String title, String xLabel, String yLabel, List<Series> lines) {
    Chart chart =
        Chart.of(title)
            .size(WIDTH, HEIGHT)
            .x(xLabel, AxisScale.LOGARITHMIC)
            .y(yLabel, AxisScale.LOGARITHMIC)
            .watermark(isSimulated() ? WATERMARK : "");
    lines.forEach(chart::add);
    return chart.draw();
  }

  /** A line per device, H and T. */
  private List<Series> lines(List<Row> rows) {
    boolean sameT = rows.stream().map(Row::timeSteps).distinct().count() == 1;
    List<Integer> widths = rows.stream().map(Row::hiddenSize).distinct().sorted().toList();
    List<Series> lines = new ArrayList<>();
    for (int device = 0; device < devices.size(); device++) {
      String id = devices.get(device).id();
      Map<List<Integer>, List<Row>> groups =
          rows.stream()
              .filter(row -> row.deviceId().equals(id))
              .collect(
                  Collectors.groupingBy(
                      row -> List.of(row.hiddenSize(), row.timeSteps()),
                      () ->
                          new TreeMap<>(
                              Comparator.<List<Integer>>comparingInt(k -> k.get(0))
                                  .thenComparingInt(k -> k.get(1))),
                      Collectors.toList()));
      for (Map.Entry<List<Integer>, List<Row>> group : groups.entrySet()) {
        int hiddenSize = group.getKey().get(0);
        int timeSteps = group.getKey().get(1);
        lines.add(
            line(
                "H=" + hiddenSize + (sameT ? "" : ", T=" + timeSteps),
                device,
                widths.indexOf(hiddenSize),
                group.getValue().stream()
                    .sorted(Comparator.comparingInt(Row::batchSize))
                    .map(row -> point(row, row.what().shape().batchTimesHidden(), 1e3 / timeSteps))
                    .toList()));
      }
    }
    return lines;
  }

  /** Colour and marker are the device's. */
  private static Series line(String name, int device, int dash, List<Series.Point> points) {
    return new Series(
        name, points, Series.Kind.LINE, Ink.series(device), Marker.series(device), dash);
  }

  private static Series.Point point(Row row, double x, double scale) {
    return new Series.Point(
        x,
        Math.max(LEAST_MILLIS, row.medianMillis()) * scale,
        Math.max(LEAST_MILLIS, row.minMillis()) * scale,
        Math.max(LEAST_MILLIS, row.p95Millis()) * scale,
        row.device()
            + ", T,B,H="
            + row.what().shape()
            + ": median "
            + millis(row.medianMillis())
            + " ms, "
            + millis(row.minMillis())
            + " to "
            + millis(row.maxMillis())
            + " in "
            + row.repetitions()
            + " calls");
  }

  private void writeCopyChart(HtmlPage page) {
    List<Series> lines = new ArrayList<>();
    for (int device = 0; device < devices.size(); device++) {
      for (Pass pass : List.of(Pass.COPY_IN, Pass.COPY_OUT)) {
        String id = devices.get(device).id();
        List<Series.Point> points =
            results.rows().stream()
                .filter(row -> row.deviceId().equals(id) && row.what().pass() == pass)
                .map(row -> point(row, row.what().shape().sequenceElements() * 4e-6, 1))
                .sorted(Comparator.comparingDouble(Series.Point::x))
                .toList();
        if (!points.isEmpty()) {
          boolean in = pass == Pass.COPY_IN;
          lines.add(line(in ? "in" : "out", device, in ? 0 : 1, points));
        }
      }
    }
    if (lines.isEmpty()) {
      return;
    }
    page.section("Copies between host and device")
        .remark(
            "Timed apart, and part of no other figure: x [T,B,H] in, y [T,B,H] out, float32. The"
                + " CPU's are copies within its memory.")
        .pictures(
            List.of(chart("copyIn and copyOut", "megabytes (10⁶ bytes)", "milliseconds", lines)));
  }

  private void writeFigures(HtmlPage page) {
    HtmlTable table =
        table("Milliseconds of a call. 95 of 100 calls took no longer than p95.")
            .words("cell")
            .words("pass")
            .numbers("T")
            .numbers("B")
            .numbers("H")
            .words("device")
            .numbers("median")
            .numbers("min")
            .numbers("p95")
            .numbers("max")
            .numbers("calls");
    for (Row row : results.rows()) {
      table.row(
          row.cell() == null ? "–" : row.cell(),
          row.pass(),
          String.valueOf(row.timeSteps()),
          String.valueOf(row.batchSize()),
          String.valueOf(row.hiddenSize()),
          row.device(),
          millis(row.medianMillis()),
          millis(row.minMillis()),
          millis(row.p95Millis()),
          millis(row.maxMillis()),
          String.valueOf(row.repetitions()));
    }
    page.section("Figures").table(table);
  }

  private void writeAgreement(HtmlPage page) {
    page.section("Agreement");
    if (results.agreement().isEmpty()) {
      page.paragraph("Only one device was measured: its results were compared with no other's.");
      return;
    }
    HtmlTable table =
        table("How far apart the results were before anything was timed; the worst tensor of each.")
            .words("cell")
            .words("pass")
            .numbers("T,B,H")
            .words("devices")
            .words("tensor")
            .numbers("L2, relative")
            .numbers("L∞, relative")
            .numbers("L2 allowed");
    for (Agreement agreement : results.agreement()) {
      table.row(
          agreement.cell(),
          agreement.pass(),
          agreement.what().shape().toString(),
          agreement.device() + " against " + agreement.reference(),
          agreement.tensor(),
          String.format(Locale.ROOT, "%.1e", agreement.relativeL2()),
          String.format(Locale.ROOT, "%.1e", agreement.relativeLinf()),
          String.format(Locale.ROOT, "%.0e", agreement.tolerance()));
    }
    page.table(table);
  }

  private HtmlTable table(String caption) {
    return isSimulated()
        ? HtmlTable.of(WATERMARK + ". " + caption).warning()
        : HtmlTable.of(caption);
  }

  private void writeFooter(HtmlPage page) {
    page.footer(
        results.machine().cpu()
            + ", "
            + results.machine().cores()
            + " cores, "
            + results.machine().memoryGiB()
            + " GiB; "
            + results.machine().os()
            + "; "
            + results.machine().jdk()
            + ".");
    for (Device device : devices) {
      page.footer(
          device.name() + (device.driver() == null ? "" : ", driver " + device.driver()) + ".");
    }
    JmhTimer.Settings jmh = results.jmh();
    page.footer(
        "Sequor at commit "
            + results.commit()
            + ", run of "
            + results.date()
            + ", benchmarks/run cpu-vs-gpu. JMH "
            + results.jmhVersion()
            + ", sampling single calls in "
            + (jmh.forks() == 1 ? "a process" : jmh.forks() + " processes")
            + " per figure: "
            + jmh.warmupIterations()
            + " × "
            + jmh.warmupMillis()
            + " ms of warm-up, "
            + jmh.measurementIterations()
            + " × "
            + jmh.measurementMillis()
            + " ms measured; each call waits for the device. One layer, one direction, input as"
            + " wide as the hidden state, random numbers, the same in every call.");
  }

  /** Four significant digits. */
  static String millis(double value) {
    int decimals =
        value <= 0 ? 0 : Math.max(0, Math.min(6, 3 - (int) Math.floor(Math.log10(value))));
    return String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }
}
