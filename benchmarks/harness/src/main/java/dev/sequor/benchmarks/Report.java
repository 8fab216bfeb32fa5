package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonInclude;
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

/**
 * A whole run.
 *
 * @param commit of the checkout, with "+" if it had changes
 * @param fmaPeakGflops of all threads; null if it could not be measured
 * @param fmaPeakGflopsOneThread of one
 * @param systems each system in its own words
 * @param environment what every system's process was given, see {@link ChildEnvironment}
 * @param withheld variables that were set and that none was given
 * @param skipped systems that did not take part, and why
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Report(
    Machine machine,
    String commit,
    Double fmaPeakGflops,
    Double fmaPeakGflopsOneThread,
    Map<String, String> systems,
    Map<String, String> environment,
    List<String> withheld,
    Map<String, String> skipped,
    List<Row> rows) {

  private static final String LINE = "  %-22s %10.3f %10.3f %10.3f %5d %8s %9.1f %7s  %s%n";

  void write(Path file) throws IOException {
    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(file.toFile(), this);
  }

  static void printHeader(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "  %-22s %10s %10s %10s %5s %8s %9s %7s  %s%n",
        "system", "median ms", "min", "max", "reps", "vs peer", "GFLOP/s", "of peak", "setting");
  }

  /** The rows of one case, fastest first. */
  void printCase(PrintStream out, Case what) {
    out.println(what);
    List<Row> here = rows.stream().filter(row -> row.what().equals(what)).toList();
    Optional<Row> peer = bestPeer(here);
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
                    row.repetitions(),
                    Entrant.isOurs(row.system()) && row.valid() && peer.isPresent()
                        ? ratio(peer.get(), row)
                        : "",
                    row.gflops(),
                    share(row),
                    row.valid() ? row.setting() : "INVALID: " + row.invalid()));
  }

  private static Optional<Row> bestPeer(List<Row> rows) {
    return rows.stream()
        .filter(row -> !Entrant.isOurs(row.system()) && row.valid())
        .min(Comparator.comparingDouble(Row::medianMillis));
  }

  private static String ratio(Row peer, Row ours) {
    return String.format(Locale.ROOT, "%.2fx", peer.medianMillis() / ours.medianMillis());
  }

  private String share(Row row) {
    Double peak = row.threads() == 1 ? fmaPeakGflopsOneThread : fmaPeakGflops;
    return peak == null ? "" : String.format(Locale.ROOT, "%.0f %%", 100 * row.gflops() / peak);
  }

  /** Geometric means of our ratios, and the comparisons that run across systems. */
  void printSummary(PrintStream out) {
    if (fmaPeakGflops == null) {
      out.println("FMA peak not measured: see above");
    } else {
      out.printf(
          Locale.ROOT,
          "FMA peak: %.1f GFLOP/s, one thread %.1f%n",
          fmaPeakGflops,
          fmaPeakGflopsOneThread);
    }
    out.println("Geometric means of the ratios of medians (smallest ratio in brackets):");
    for (String ours : List.of(Entrant.CPU, Entrant.JAVA)) {
      for (Case.Cell cell : Case.Cell.values()) {
        for (Case.Pass pass : Case.Pass.values()) {
          printMeans(out, ours, cell, pass);
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
  }

  private void printMeans(PrintStream out, String ours, Case.Cell cell, Case.Pass pass) {
    List<Row> mine =
        rows.stream()
            .filter(r -> r.system().equals(ours) && r.valid())
            .filter(r -> r.what().cell() == cell && r.what().pass() == pass)
            .toList();
    List<String> parts = new ArrayList<>();
    for (String peer : List.of("the best peer", Entrant.PYTORCH, Entrant.DL4J)) {
      for (int smallestBatch : new int[] {1, 16}) {
        List<Double> ratios = new ArrayList<>();
        for (Row row : mine) {
          List<Row> rivals =
              rows.stream()
                  .filter(r -> r.what().equals(row.what()))
                  .filter(r -> peer.equals("the best peer") || r.system().equals(peer))
                  .toList();
          if (row.what().batchSize() >= smallestBatch) {
            bestPeer(rivals).ifPresent(p -> ratios.add(p.medianMillis() / row.medianMillis()));
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
          "  %s %s %s against %s%n",
          ours,
          cell,
          pass.id(),
          String.join("; ", parts));
    }
  }

  private void printScaling(PrintStream out) {
    for (Row one : rows) {
      if (one.system().equals(Entrant.CPU_ONE_THREAD)) {
        rows.stream()
            .filter(r -> r.what().equals(one.what()) && r.system().equals(Entrant.CPU))
            .forEach(
                all ->
                    out.printf(
                        Locale.ROOT,
                        "  %s: %d threads are %s as fast as one%n",
                        one.what(), all.threads(), ratio(one, all)));
      }
    }
  }
}
