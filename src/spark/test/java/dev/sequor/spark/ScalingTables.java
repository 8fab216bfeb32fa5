package dev.sequor.spark;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/**
 * Prints the predictions of docs/scaling.md. {@code ScalingDocumentTest} compares the document with
 * them and shows them if it differs. Nothing of the machine they are printed on is in them.
 */
final class ScalingTables {
  /** What is assumed; {@link #assumptions} says why. */
  static final ClusterAssumptions GIVEN =
      new ClusterAssumptions(
          494.7e12,
          0.4,
          16e-6,
          25e9 / 8,
          0.14,
          1.0 / 1500,
          4,
          4 << 20,
          new ClusterAssumptions.Rates(1.1e9, 2e9, 0.8e9, 1.4e9, 6e9, 11e9),
          0.1);

  private static final int TIME_STEPS = 128;
  private static final List<ClusterCost.Model> MODELS =
      List.of(
          new ClusterCost.Model("1M", 1_000_000, 2, TIME_STEPS),
          new ClusterCost.Model("10M", 10_000_000, 2, TIME_STEPS),
          new ClusterCost.Model("100M", 100_000_000, 4, TIME_STEPS));
  private static final int[] WORKERS = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
  private static final int[] LOCAL_STEPS = {1, 10, 100, 1000};
  private static final int[] SHOWN_STEPS = {1, 100, 1000};
  private static final int SEQUENCES = 256;
  private static final int WHOLE_BATCH = 4096;
  private static final double SHARE = 0.1;

  private final ClusterCost cost = new ClusterCost(GIVEN);

  private ScalingTables() {}

  /** All of them, in the order of the document. */
  static List<String> all() {
    ScalingTables tables = new ScalingTables();
    return List.of(
        tables.assumptions(),
        tables.stragglers(),
        tables.parts(),
        tables.strong(),
        tables.weak(),
        tables.localSteps(),
        tables.reach());
  }

  public static void main(String[] args) {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    all().forEach(out::println);
  }

  private static String table(List<String> head, List<List<String>> rows) {
    StringBuilder text = new StringBuilder();
    line(text, head);
    line(text, head.stream().map(cell -> "---").toList());
    rows.forEach(row -> line(text, row));
    return text.toString();
  }

  private static void line(StringBuilder text, List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }

  /** Three digits, in seconds. */
  private static String seconds(double value) {
    return format(value < 0.995 ? "%.2f s" : value < 99.5 ? "%.1f s" : "%,.0f s", value);
  }

  private static String percent(double share) {
    return format(share < 0.00995 ? "%.1f %%" : "%.0f %%", 100 * share);
  }

  private static String times(double factor) {
    return format(factor < 0.995 ? "%.2f" : factor < 9.95 ? "%.1f" : "%.0f", factor);
  }

  private static String rate(double bytes) {
    return format("%.1f", bytes / 1e9);
  }

  /** What is assumed, with its source. */
  String assumptions() {
    ClusterAssumptions.Rates rates = GIVEN.rates();
    return table(
        List.of("assumed", "value", "source"),
        List.of(
            List.of(
                "peak of a GPU",
                format("%.1f TFLOP/s", GIVEN.peakFlops() / 1e12),
                "an H100 SXM with `SEQUOR_CUDA_MATH=tf32`, dense: NVIDIA's data sheet"),
            List.of(
                "of which a step has",
                percent(GIVEN.utilisation()),
                "assumed; no step of Sequor has been timed on a GPU"),
            List.of(
                "least time of a time step and layer",
                format("%.0f µs", GIVEN.floorSeconds() * 1e6),
                "an estimate: forward and backward, a product and a cell's kernel each"),
            List.of(
                "operations of a step",
                "6·P·b·T",
                "a multiplication and an addition forward, two of each backward"),
            List.of(
                "network of a machine, each way",
                format("%.0f Gbit/s", GIVEN.networkBytes() * 8 / 1e9),
                "assumed; one GPU and one executor a machine"),
            List.of(
                "Spark's own time for a stage",
                seconds(GIVEN.stageSeconds()),
                "F with one executor, the lower of the two measured above; beyond 8 workers there are"
                    + " two stages"),
            List.of(
                "Spark's driver for a task",
                format("%.2f ms", GIVEN.taskSeconds() * 1e3),
                "1,500 tasks a second: Ousterhout et al., \"Sparrow\", SOSP 2013"),
            List.of(
                "threads of the driver that read results",
                format("%d", GIVEN.resultThreads()),
                "`spark.resultGetter.threads`, unless set"),
            List.of(
                "block of a broadcast",
                format("%d MiB", GIVEN.blockBytes() >> 20),
                "`spark.broadcast.blockSize`, unless set"),
            List.of(
                "one thread serialises, reads back",
                rate(rates.write()) + ", " + rate(rates.read()) + " GB/s",
                "measured, the thread's own time (`ScalingMeasurement`)"),
            List.of(
                "the same with compression",
                rate(rates.pack()) + ", " + rate(rates.unpack()) + " GB/s",
                "measured as well; broadcasts and shuffles are compressed unless set otherwise"),
            List.of(
                "one thread adds floats, doubles",
                rate(rates.addFloats()) + ", " + rate(rates.addDoubles()) + " GB/s",
                "measured as well"),
            List.of(
                "spread of equal tasks' times",
                format("%.1f", GIVEN.spread()),
                "assumed: the standard deviation of their logarithm, drawn for each task of a"
                    + " round")));
  }

  /** The slowest of W. */
  String stragglers() {
    List<List<String>> rows = new ArrayList<>();
    for (double spread : new double[] {0.05, 0.1, 0.2}) {
      List<String> row = new ArrayList<>(List.of(format("%.2f", spread)));
      for (int workers : new int[] {8, 64, 256, 1024}) {
        row.add(format("%.2f", ClusterCost.slowest(workers, spread)));
      }
      rows.add(row);
    }
    return table(List.of("spread", "W = 8", "64", "256", "1,024"), rows);
  }

  /** Where the time of a round goes. */
  String parts() {
    List<List<String>> rows = new ArrayList<>();
    for (ClusterCost.Model model : MODELS) {
      for (int workers : new int[] {8, 64, 1024}) {
        ClusterCost.Parts round = cost.round(model, workers, 100, SEQUENCES);
        rows.add(
            List.of(
                model.name(),
                format("%,d", workers),
                seconds(round.computing()),
                seconds(round.waiting()),
                seconds(round.spark()),
                seconds(round.broadcast()),
                workers <= PartialSum.MOST_DIRECT ? "–" : seconds(round.groups()),
                seconds(round.driver()),
                seconds(round.time().seconds()),
                format("%.1f ms/MB", round.time().secondsPerByte() * 1e9),
                format("%.1f GB", round.driverBytes() / 1e9)));
      }
    }
    return table(
        List.of(
            "P",
            "W",
            "computing",
            "waiting",
            "F",
            "broadcast",
            "groups",
            "driver",
            "T",
            "c",
            "results at the driver"),
        rows);
  }

  /** One batch, divided among more and more. */
  String strong() {
    return byWorkers(
        SHOWN_STEPS,
        (model, localSteps) ->
            workers ->
                times(
                    localSteps
                        * cost.stepSeconds(model, WHOLE_BATCH)
                        / cost.round(model, workers, localSteps, WHOLE_BATCH / workers)
                            .time()
                            .seconds()));
  }

  /** As much for each, however many there are. */
  String weak() {
    return byWorkers(
        SHOWN_STEPS,
        (model, localSteps) -> workers -> percent(efficiency(model, workers, localSteps)));
  }

  private double efficiency(ClusterCost.Model model, int workers, int localSteps) {
    ClusterCost.Parts round = cost.round(model, workers, localSteps, SEQUENCES);
    return round.computing() / round.time().seconds();
  }

  @FunctionalInterface
  private interface Cell {
    IntFunction<String> of(ClusterCost.Model model, int localSteps);
  }

  private static String byWorkers(int[] localSteps, Cell cell) {
    List<String> head = new ArrayList<>(List.of("W"));
    for (ClusterCost.Model model : MODELS) {
      for (int steps : localSteps) {
        head.add(format("%s, K = %,d", model.name(), steps));
      }
    }
    List<List<String>> rows = new ArrayList<>();
    for (int workers : WORKERS) {
      List<String> row = new ArrayList<>(List.of(format("%,d", workers)));
      for (ClusterCost.Model model : MODELS) {
        for (int steps : localSteps) {
          row.add(cell.of(model, steps).apply(workers));
        }
      }
      rows.add(row);
    }
    return table(head, rows);
  }

  /** K for a tenth of a round without computing, and the round. */
  String localSteps() {
    List<String> head = new ArrayList<>(List.of("W"));
    MODELS.forEach(model -> head.add(model.name() + ": K, T"));
    List<List<String>> rows = new ArrayList<>();
    for (int workers : WORKERS) {
      List<String> row = new ArrayList<>(List.of(format("%,d", workers)));
      for (ClusterCost.Model model : MODELS) {
        int least = cost.localStepsFor(model, workers, SEQUENCES, SHARE);
        row.add(
            format(
                "%,d, %s",
                least, seconds(cost.round(model, workers, least, SEQUENCES).time().seconds())));
      }
      rows.add(row);
    }
    return table(head, rows);
  }

  /** The most workers of which each still does half of what it would do alone. */
  String reach() {
    List<String> head = new ArrayList<>(List.of("K"));
    MODELS.forEach(model -> head.add(model.name()));
    List<List<String>> rows = new ArrayList<>();
    for (int steps : LOCAL_STEPS) {
      List<String> row = new ArrayList<>(List.of(format("%,d", steps)));
      for (ClusterCost.Model model : MODELS) {
        int most = 0;
        for (int workers : WORKERS) {
          if (efficiency(model, workers, steps) >= 0.5) {
            most = workers;
          }
        }
        row.add(most == 0 ? "none" : format("%,d", most));
      }
      rows.add(row);
    }
    return table(head, rows);
  }
}
