package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A whole run.
 *
 * @param commit of the checkout, with "+" if it had changes
 * @param limits of the machine; null if they could not be measured
 * @param systems each system in its own words
 * @param environment what every system's process was given, see {@link ChildEnvironment}
 * @param withheld variables that were set and that none was given
 * @param skipped systems that did not take part, and why
 * @param leftOut what there was no time for
 * @param disturbed by case, how many repetitions began while something else kept the cores busy
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Report(
    Machine machine,
    String commit,
    @JsonUnwrapped Limits limits,
    Map<String, String> systems,
    Map<String, String> environment,
    List<String> withheld,
    Map<String, String> skipped,
    List<String> leftOut,
    Map<String, Integer> disturbed,
    List<Row> rows) {

  private static final String LINE = "  %-22s %10.3f %10.3f %10.3f %11s %5d %8s %9.1f %7s  %s%n";

  void write(Path file) throws IOException {
    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(file.toFile(), this);
  }

  static void printHeader(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "  %-22s %10s %10s %10s %11s %5s %8s %9s %7s  %s%n",
        "system",
        "median ms",
        "min",
        "max",
        "as it comes",
        "reps",
        "vs peer",
        "GFLOP/s",
        "of peak",
        "setting");
  }

  /** The rows of one case, fastest first. */
  void printCase(PrintStream out, Case what) {
    out.println(what);
    List<Row> here = at(what);
    if (disturbed.containsKey(what.toString())) {
      out.println("  disturbed: " + disturbed.get(what.toString()) + " repetitions");
    }
    here.stream()
        .sorted(Comparator.comparingDouble(Row::medianMillis))
        .forEach(
            row ->
                out.printf(
                    Locale.ROOT,
                    LINE,
                    row.system(),
                    row.medianMillis(),
                    row.minMillis(),
                    row.maxMillis(),
                    row.asItComesMillis() == null
                        ? ""
                        : String.format(Locale.ROOT, "%.3f", row.asItComesMillis()),
                    row.repetitions(),
                    Entrant.isOurs(row.system()) && row.valid()
                        ? bestPeer(here, row.system()).map(peer -> ratio(peer, row)).orElse("")
                        : "",
                    row.gflops(),
                    share(row),
                    !row.valid()
                        ? "INVALID: " + row.invalid()
                        : row.kernels() == null
                            ? row.setting()
                            : row.setting() + "; kernels: " + row.kernels()));
  }

  /** The fastest of the others whose products are of the numbers that ours are of. */
  private static Optional<Row> bestPeer(List<Row> rows, String ours) {
    boolean bfloat16 = Entrant.multipliesInBfloat16(ours);
    return rows.stream()
        .filter(row -> !Entrant.isOurs(row.system()) && row.valid())
        .filter(row -> Entrant.multipliesInBfloat16(row.system()) == bfloat16)
        .min(Comparator.comparingDouble(Row::medianMillis));
  }

  /** With a question mark if either has been repeated too little. */
  private static String ratio(Row peer, Row ours) {
    return String.format(
        Locale.ROOT,
        "%.2fx%s",
        peer.medianMillis() / ours.medianMillis(),
        peer.settled() && ours.settled() ? "" : "?");
  }

  private String share(Row row) {
    if (limits == null) {
      return "";
    }
    double peak = row.threads() == 1 ? limits.fmaGflopsOneThread() : limits.fmaGflops();
    return String.format(Locale.ROOT, "%.0f %%", 100 * row.gflops() / peak);
  }

  private boolean isAnyUnsettled() {
    return rows.stream().anyMatch(row -> !row.settled());
  }

  /** Our native engine at each case: the best peer's time, and the least that the machine needs. */
  private void printLead(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "%-48s %10s %10s %-14s %8s %9s  %s%n",
        Entrant.CPU,
        "ms",
        "best peer",
        "",
        "ratio",
        "of limit",
        "which is");
    for (Row ours : rows) {
      if (!ours.system().equals(Entrant.CPU) || !ours.valid()) {
        continue;
      }
      Case what = ours.what();
      Optional<Row> peer = bestPeer(at(what), Entrant.CPU);
      out.printf(
          Locale.ROOT,
          "%-48s %10.3f %10s %-14s %8s %9s  %s%n",
          what,
          ours.medianMillis(),
          peer.map(p -> String.format(Locale.ROOT, "%.3f", p.medianMillis())).orElse("none"),
          peer.map(Row::system).orElse(""),
          peer.map(p -> ratio(p, ours)).orElse(""),
          limits == null
              ? ""
              : String.format(
                  Locale.ROOT, "%.0f %%", 100 * limits.millis(what) / ours.medianMillis()),
          limits == null
              ? "not measured"
              : limits.readingIsTheLimit(what) ? "reading weights" : "arithmetic");
    }
    printBfloat16(out);
    if (isAnyUnsettled()) {
      out.printf(
          Locale.ROOT,
          "? of fewer than %d repetitions, and in no mean below%n",
          Row.FEWEST_REPETITIONS);
    }
  }

  /** Products of bfloat16: against a peer's, and against our own of float32. */
  private void printBfloat16(PrintStream out) {
    List<Row> all =
        rows.stream()
            .filter(row -> row.system().equals(Entrant.CPU_BFLOAT16_PRODUCTS) && row.valid())
            .toList();
    if (!all.isEmpty()) {
      out.printf(
          Locale.ROOT,
          "%-48s %10s %10s %8s %12s%n",
          Entrant.CPU_BFLOAT16_PRODUCTS,
          "ms",
          "best peer",
          "ratio",
          "of float32");
    }
    for (Row ours : all) {
      Optional<Row> peer = bestPeer(at(ours.what()), ours.system());
      out.printf(
          Locale.ROOT,
          "%-48s %10.3f %10s %8s %12s%n",
          ours.what(),
          ours.medianMillis(),
          peer.map(p -> String.format(Locale.ROOT, "%.3f", p.medianMillis())).orElse("none"),
          peer.map(p -> ratio(p, ours)).orElse(""),
          at(ours.what()).stream()
              .filter(row -> row.system().equals(Entrant.CPU) && row.valid())
              .map(float32 -> ratio(float32, ours))
              .findFirst()
              .orElse(""));
    }
  }

  private List<Row> at(Case what) {
    return rows.stream().filter(row -> row.what().equals(what)).toList();
  }

  /** Geometric means of our ratios, and the comparisons that run across systems. */
  void printSummary(PrintStream out) {
    printLead(out);
    if (limits == null) {
      out.println("limits of the machine not measured: see above");
    } else {
      out.printf(
          Locale.ROOT,
          "FMA peak: %.1f GFLOP/s, one thread %.1f; bytes read again and again: %s%n",
          limits.fmaGflops(),
          limits.fmaGflopsOneThread(),
          limits.readGigabytes().entrySet().stream()
              .map(each -> each.getKey() / 1024 + " KiB " + each.getValue() + " GB/s")
              .collect(Collectors.joining(", ")));
    }
    out.println("Geometric means of the ratios of medians (smallest ratio in brackets):");
    for (String ours : List.of(Entrant.CPU, Entrant.CPU_BFLOAT16_PRODUCTS, Entrant.JAVA)) {
      for (Case.Cell cell : Case.Cell.values()) {
        for (Case.Pass pass : Case.Pass.values()) {
          for (Shape.Group group : Shape.Group.values()) {
            printMeans(out, ours, cell, pass, group);
          }
        }
      }
    }
    printScaling(out);
    systems.forEach((system, words) -> out.println(system + ": " + words));
    out.println("each process was given " + environment);
    if (!withheld.isEmpty()) {
      out.println("and none of these, which are set: " + String.join(", ", withheld));
    }
    skipped.forEach((system, why) -> out.println("skipped " + system + ": " + why));
    if (!disturbed.isEmpty()) {
      int repetitions = disturbed.values().stream().mapToInt(Integer::intValue).sum();
      out.println(
          repetitions
              + " repetitions, in "
              + disturbed.size()
              + " cases, began while something else kept the cores busy");
    }
    leftOut.forEach(what -> out.println("left out, the time was up: " + what));
  }

  private void printMeans(
      PrintStream out, String ours, Case.Cell cell, Case.Pass pass, Shape.Group group) {
    List<Row> mine =
        rows.stream()
            .filter(r -> r.system().equals(ours) && r.valid() && r.settled())
            .filter(r -> r.what().cell() == cell && r.what().pass() == pass)
            .filter(r -> r.what().shape().group() == group)
            .toList();
    List<String> parts = new ArrayList<>();
    for (String peer :
        List.of("the best peer", Entrant.PYTORCH, Entrant.PYTORCH_IN_PYTHON, Entrant.DL4J)) {
      for (int smallestBatch : new int[] {1, 16}) {
        List<Double> ratios = new ArrayList<>();
        for (Row row : mine) {
          List<Row> rivals =
              at(row.what()).stream()
                  .filter(r -> peer.equals("the best peer") || r.system().equals(peer))
                  .toList();
          if (row.what().batchSize() >= smallestBatch) {
            bestPeer(rivals, ours)
                .filter(Row::settled)
                .ifPresent(p -> ratios.add(p.medianMillis() / row.medianMillis()));
          }
        }
        if (!ratios.isEmpty()) {
          parts.add(
              String.format(
                  Locale.ROOT,
                  "%s%s %.2fx [%.2fx]",
                  peer,
                  smallestBatch > 1 ? ", B>=" + smallestBatch : "",
                  Statistics.geometricMean(ratios),
                  Statistics.min(ratios)));
        }
      }
    }
    if (!parts.isEmpty()) {
      out.printf(
          Locale.ROOT,
          "  %s %s %s%s against %s%n",
          ours,
          cell,
          pass.id(),
          group == Shape.Group.LAYERS ? "" : ", " + group.words() + ",",
          String.join("; ", parts));
    }
  }

  private void printScaling(PrintStream out) {
    for (Row one : rows) {
      if (one.system().equals(Entrant.CPU_ONE_THREAD)) {
        at(one.what()).stream()
            .filter(r -> r.system().equals(Entrant.CPU))
            .forEach(
                all ->
                    out.printf(
                        Locale.ROOT,
                        "  %s: %d threads are %s as fast as one%n",
                        one.what(),
                        all.threads(),
                        ratio(one, all)));
      }
    }
  }
}
