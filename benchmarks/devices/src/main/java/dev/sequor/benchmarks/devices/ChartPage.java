package dev.sequor.benchmarks.devices;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The results as one page that needs nothing from elsewhere: charts, what they say in words, and
 * the figures. It is well-formed XML, too.
 */
final class ChartPage {
  private static final String STYLE =
      """
      :root { color-scheme: light dark; --ink: #1c1f23; --faint: #5b636d; --rule: #d9dde2; --grid: #e9ecef;
        --page: #ffffff; --d0: #0067a8; --d1: #c24e00; --d2: #00795a; --d3: #a63f80; --warn: #b00020; }
      @media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --faint: #9aa3ad; --rule: #3a4149;
        --grid: #272c32; --page: #15181b; --d0: #5db8f0; --d1: #f29a4a; --d2: #3ecfa0; --d3: #e59bc9; --warn: #ff6b7f; } }
      body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page);
        max-width: 1320px; margin: 0 auto; padding: 1.5rem; }
      h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
      h3 { font-size: 1rem; margin: 0 0 .25rem; } p { margin: .4rem 0; } .faint, footer { color: var(--faint); }
      .warning { border: 3px solid var(--warn); color: var(--warn); font-weight: 700; padding: .6rem 1rem; }
      .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1.5rem; }
      figure { margin: 0; max-width: 640px; } svg { width: 100%; height: auto; display: block; } .key svg { display: inline; width: 14px;
        height: 14px; vertical-align: -2px; } .key span { margin-right: 1.4rem; white-space: nowrap; }
      svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); } svg .tick { fill: var(--faint); }
      svg .name { paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
      .middle { text-anchor: middle; } .end { text-anchor: end; }
      .grid { stroke: var(--grid); } .axis { stroke: var(--faint); } .line { fill: none; stroke-width: 2; }
      .whisker { stroke-width: 1; opacity: .55; } .mark { stroke: var(--page); stroke-width: 1; }
      .d0 .line, .d0 .whisker { stroke: var(--d0); } .d0 .mark, svg .name.d0 { fill: var(--d0); }
      .d1 .line, .d1 .whisker { stroke: var(--d1); } .d1 .mark, svg .name.d1 { fill: var(--d1); }
      .d2 .line, .d2 .whisker { stroke: var(--d2); } .d2 .mark, svg .name.d2 { fill: var(--d2); }
      .d3 .line, .d3 .whisker { stroke: var(--d3); } .d3 .mark, svg .name.d3 { fill: var(--d3); }
      svg .watermark { font-size: 40px; font-weight: 700; fill: var(--warn); opacity: .35; text-anchor: middle; }
      .scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
      th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
      th.left, td.left { text-align: left; } caption { text-align: left; color: var(--faint); padding-bottom: .3rem; }
      caption.warn { color: var(--warn); font-weight: 700; } footer { margin-top: 2rem; border-top: 1px solid var(--rule);
        padding-top: .7rem; font-size: .9rem; } li { margin: .2rem 0; }
      """;

  private static final String WATERMARK = "SIMULATOR, NOT A GPU";

  private final Results results;
  private final List<Device> devices;
  private final StringBuilder page = new StringBuilder();

  ChartPage(Results results, List<Device> devices) {
    this.results = results;
    this.devices = devices;
  }

  /** The whole page. */
  String html() {
    page.setLength(0);
    String title = title();
    page.append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    page.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    element("title", title);
    page.append("<style>\n").append(STYLE).append("</style>\n</head>\n<body>\n");
    element("h1", title);
    if (isSimulated()) {
      page.append("<p class=\"warning\">").append(escape(results.simulator())).append("</p>\n");
    }
    writeCrossovers();
    writeLegend();
    writePassCharts();
    writeCopyChart();
    writeFigures();
    writeAgreement();
    writeFooter();
    return page.append("</body>\n</html>\n").toString();
  }

  private boolean isSimulated() {
    return results.simulator() != null;
  }

  /** The devices and the date. */
  String title() {
    return (isSimulated() ? "SIMULATOR, NOT A GPU. " : "")
        + "Sequor on "
        + devices.stream().map(Device::name).collect(Collectors.joining(" and "))
        + ", "
        + results.date().substring(0, 10);
  }

  private void writeCrossovers() {
    element("h2", "Which is faster");
    page.append("<ul>\n");
    for (Crossover crossover : results.crossovers()) {
      page.append("<li><strong>").append(escape(Table.heading(crossover))).append(":</strong> ");
      page.append(escape(crossover.words())).append("</li>\n");
    }
    if (devices.stream().noneMatch(Device::gpu)) {
      element("li", "No GPU was measured, so there is nothing to compare.");
    }
    results.skipped().forEach((what, why) -> element("li", "Not measured, " + what + ": " + why));
    page.append("</ul>\n");
    page.append(
        "<p class=\"faint\">B·H is the batch size times the hidden size. Faster means that the");
    page.append(
        " median is at least 5 % better. Only shapes in the table below were measured.</p>\n");
  }

  private void writeLegend() {
    page.append("<h2>Time per time step</h2>\n<p class=\"key\">");
    for (int i = 0; i < devices.size(); i++) {
      page.append("<span><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><g class=\"d");
      page.append(i % 4).append("\">");
      Chart.marker(page, i, 7, 7);
      page.append("</g></svg> ").append(escape(devices.get(i).name())).append("</span>");
    }
    page.append(
        "</p>\n<p class=\"faint\">Marks are medians of single calls divided by the number of");
    page.append(" time steps T; thin bars reach from the fastest call to the 95th");
    page.append(" of 100. A line joins");
    page.append(
        " shapes that differ in B only. Inputs and results stay in the device's memory.</p>\n");
  }

  private void writePassCharts() {
    page.append("<div class=\"charts\">\n");
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
      figure(
          new Chart(
              kind.cell() + " " + kind.pass().id(),
              "B·H, batch size × hidden size",
              "µs per time step",
              lines(rows),
              isSimulated() ? WATERMARK : null));
    }
    page.append("</div>\n");
  }

  /** A line per device, H and T. */
  private List<Chart.Series> lines(List<Row> rows) {
    boolean sameT = rows.stream().map(Row::timeSteps).distinct().count() == 1;
    List<Integer> widths = rows.stream().map(Row::hiddenSize).distinct().sorted().toList();
    List<Chart.Series> lines = new ArrayList<>();
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
            new Chart.Series(
                "H=" + hiddenSize + (sameT ? "" : ", T=" + timeSteps),
                device % 4,
                widths.indexOf(hiddenSize),
                group.getValue().stream()
                    .sorted(Comparator.comparingInt(Row::batchSize))
                    .map(row -> point(row, row.what().shape().batchTimesHidden(), 1e3 / timeSteps))
                    .toList()));
      }
    }
    return lines;
  }

  private static Chart.Point point(Row row, double x, double scale) {
    return new Chart.Point(
        x,
        row.medianMillis() * scale,
        row.minMillis() * scale,
        row.p95Millis() * scale,
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

  private void writeCopyChart() {
    List<Chart.Series> lines = new ArrayList<>();
    for (int device = 0; device < devices.size(); device++) {
      for (Pass pass : List.of(Pass.COPY_IN, Pass.COPY_OUT)) {
        String id = devices.get(device).id();
        List<Chart.Point> points =
            results.rows().stream()
                .filter(row -> row.deviceId().equals(id) && row.what().pass() == pass)
                .map(row -> point(row, row.what().shape().sequenceElements() * 4e-6, 1))
                .sorted(Comparator.comparingDouble(Chart.Point::x))
                .toList();
        if (!points.isEmpty()) {
          lines.add(
              new Chart.Series(
                  pass == Pass.COPY_IN ? "in" : "out",
                  device % 4,
                  pass == Pass.COPY_IN ? 0 : 1,
                  points));
        }
      }
    }
    if (lines.isEmpty()) {
      return;
    }
    element("h2", "Copies between host and device");
    page.append(
        "<p class=\"faint\">Timed apart, and part of no other figure: x [T,B,H] in, y [T,B,H]");
    page.append(
        " out, float32. The CPU's are copies within its memory.</p>\n<div class=\"charts\">\n");
    figure(
        new Chart(
            "copyIn and copyOut",
            "megabytes (10⁶ bytes)",
            "milliseconds",
            lines,
            isSimulated() ? WATERMARK : null));
    page.append("</div>\n");
  }

  private void figure(Chart chart) {
    page.append("<figure>\n");
    element("h3", chart.title());
    page.append(chart.svg()).append("</figure>\n");
  }

  private void writeFigures() {
    element("h2", "Figures");
    page.append("<div class=\"scroll\"><table>\n");
    caption("Milliseconds of a call. 95 of 100 calls took no longer than p95.");
    page.append(
        "<thead><tr><th class=\"left\">cell</th><th class=\"left\">pass</th><th>T</th><th>B</th>");
    page.append(
        "<th>H</th><th class=\"left\">device</th><th>median</th><th>min</th><th>p95</th><th>max</th>");
    page.append("<th>calls</th></tr></thead>\n<tbody>\n");
    for (Row row : results.rows()) {
      page.append("<tr>");
      cell("left", row.cell() == null ? "–" : row.cell());
      cell("left", row.pass());
      cell("", String.valueOf(row.timeSteps()));
      cell("", String.valueOf(row.batchSize()));
      cell("", String.valueOf(row.hiddenSize()));
      cell("left", row.device());
      cell("", millis(row.medianMillis()));
      cell("", millis(row.minMillis()));
      cell("", millis(row.p95Millis()));
      cell("", millis(row.maxMillis()));
      cell("", String.valueOf(row.repetitions()));
      page.append("</tr>\n");
    }
    page.append("</tbody></table></div>\n");
  }

  private void writeAgreement() {
    element("h2", "Agreement");
    if (results.agreement().isEmpty()) {
      element("p", "Only one device was measured: its results were compared with no other's.");
      return;
    }
    page.append("<div class=\"scroll\"><table>\n");
    caption("How far apart the results were before anything was timed; the worst tensor of each.");
    page.append(
        "<thead><tr><th class=\"left\">cell</th><th class=\"left\">pass</th><th>T,B,H</th>");
    page.append(
        "<th class=\"left\">devices</th><th class=\"left\">tensor</th><th>L2, relative</th>");
    page.append("<th>L∞, relative</th><th>L2 allowed</th></tr></thead>\n<tbody>\n");
    for (Agreement agreement : results.agreement()) {
      page.append("<tr>");
      cell("left", agreement.cell());
      cell("left", agreement.pass());
      cell("", agreement.what().shape().toString());
      cell("left", agreement.device() + " against " + agreement.reference());
      cell("left", agreement.tensor());
      cell("", String.format(Locale.ROOT, "%.1e", agreement.relativeL2()));
      cell("", String.format(Locale.ROOT, "%.1e", agreement.relativeLinf()));
      cell("", String.format(Locale.ROOT, "%.0e", agreement.tolerance()));
      page.append("</tr>\n");
    }
    page.append("</tbody></table></div>\n");
  }

  private void writeFooter() {
    page.append("<footer>\n");
    element(
        "p",
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
      element(
          "p",
          device.name() + (device.driver() == null ? "" : ", driver " + device.driver()) + ".");
    }
    JmhTimer.Settings jmh = results.jmh();
    element(
        "p",
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
            + " ms measured; each call waits for the device. One layer, one direction, input as wide"
            + " as the hidden state, random numbers, the same in every call.");
    page.append("</footer>\n");
  }

  private void caption(String words) {
    page.append(isSimulated() ? "<caption class=\"warn\">" : "<caption>");
    page.append(escape((isSimulated() ? WATERMARK + ". " : "") + words)).append("</caption>\n");
  }

  private void cell(String style, String words) {
    page.append(style.isEmpty() ? "<td>" : "<td class=\"" + style + "\">");
    page.append(escape(words)).append("</td>");
  }

  private void element(String name, String words) {
    page.append('<').append(name).append('>').append(escape(words));
    page.append("</").append(name).append(">\n");
  }

  /** Four significant digits. */
  static String millis(double value) {
    int decimals =
        value <= 0 ? 0 : Math.max(0, Math.min(6, 3 - (int) Math.floor(Math.log10(value))));
    return String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  /** For text and attributes; what XML cannot hold becomes a replacement character. */
  static String escape(String words) {
    StringBuilder escaped = new StringBuilder();
    words
        .codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                default -> escaped.appendCodePoint(c < 0x20 && c != '\n' && c != '\t' ? 0xFFFD : c);
              }
            });
    return escaped.toString();
  }
}
