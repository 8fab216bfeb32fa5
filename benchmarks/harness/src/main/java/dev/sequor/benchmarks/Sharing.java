package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Two programs that use the native engine on one machine, at once and one after the other. */
@Command(
    name = "sharing",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Times two processes that use the native engine with all cores each, one after the other",
      "and both at once, and one process with one thread and with all."
    })
public final class Sharing implements Callable<Integer> {
  private static final long SEED = 20140603;

  private static final List<Case> CASES =
      List.of(
          new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 128, 1, 128),
          new Case(Case.Cell.LSTM, Case.Pass.FORWARD_BACKWARD, 128, 32, 128),
          new Case(Case.Cell.GRU_RESET_AFTER, Case.Pass.FORWARD_BACKWARD, 128, 32, 128),
          new Case(Case.Cell.LSTM, Case.Pass.FORWARD_BACKWARD, 128, 32, 256),
          new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 64, 64, 512),
          new Case(Case.Cell.LSTM, Case.Pass.FORWARD_BACKWARD, 64, 64, 512));

  @Option(names = "--rounds", defaultValue = "9", description = "repetitions (${DEFAULT-VALUE})")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "2",
      description = "what a process computes in one repetition, alone (${DEFAULT-VALUE})")
  private double seconds;

  @Option(names = "--out", paramLabel = "FILE.json", description = "write the results here")
  private Path out;

  private final PrintStream console = System.out;

  /**
   * One case: medians.
   *
   * @param aloneMillis a call, with nothing else running
   * @param oneThreadMillis a call with one thread, with nothing else running
   * @param slowdown both at once, from the start to the end of the later, divided by one after the
   *     other; above 1 sharing costs time
   * @param scaling {@code oneThreadMillis / aloneMillis}, medians of the rounds' ratios
   */
  record Row(
      Case.Cell cell,
      String pass,
      @JsonProperty("T") int timeSteps,
      @JsonProperty("B") int batchSize,
      @JsonProperty("H") int hiddenSize,
      int threads,
      double aloneMillis,
      double oneThreadMillis,
      double slowdown,
      double leastSlowdown,
      double mostSlowdown,
      double scaling,
      int repetitions) {}

  /** A whole run. */
  record Results(Machine machine, String commit, List<Row> rows) {}

  /** Runs the command line. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Sharing()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException, ChildProcess.Refused, InterruptedException {
    Path home = Path.of(System.getProperty("benchmarks.home"));
    int cores = Runtime.getRuntime().availableProcessors();
    Path log = home.resolve("target/children.log");
    Files.createDirectories(log.getParent());
    Files.deleteIfExists(log);
    String classPath = CpuPeers.classPath(home, "peers");
    List<Row> rows = new ArrayList<>();
    ExecutorService second = Executors.newSingleThreadExecutor();
    try (ChildProcess a = start(cores, classPath, log);
        ChildProcess b = start(cores, classPath, log);
        ChildProcess one = start(1, classPath, log)) {
      console.printf(
          Locale.ROOT,
          "%-38s %10s %12s %24s %9s%n",
          "",
          "alone ms",
          "one thread",
          "at once / one by one",
          "scaling");
      for (Case what : CASES) {
        Row row = measure(what, cores, a, b, one, second);
        rows.add(row);
        console.printf(
            Locale.ROOT,
            "%-38s %10.3f %12.3f %8.2f (%5.2f to %5.2f) %8.2fx%n",
            what,
            row.aloneMillis(),
            row.oneThreadMillis(),
            row.slowdown(),
            row.leastSlowdown(),
            row.mostSlowdown(),
            row.scaling());
      }
    } finally {
      second.shutdownNow();
    }
    if (out != null) {
      new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValue(out.toFile(), new Results(Machine.current(), Checkout.commit(home), rows));
    }
    return 0;
  }

  private static ChildProcess start(int threads, String classPath, Path log)
      throws IOException, ChildProcess.Refused {
    return ChildProcess.start(
        Entrant.sequor(Entrant.CPU, "cpu", "FLOAT32", threads, classPath, c -> true), log);
  }

  private Row measure(
      Case what,
      int cores,
      ChildProcess a,
      ChildProcess b,
      ChildProcess one,
      ExecutorService second)
      throws IOException, ChildProcess.Refused, InterruptedException {
    for (ChildProcess child : List.of(a, b, one)) {
      child.prepare(what, SEED);
    }
    double estimate = Math.max(1e-6, a.time(10, 10) * 1e-9 / 10);
    int calls = (int) Math.max(2, Math.ceil(seconds / estimate));
    List<Double> alone = new ArrayList<>();
    List<Double> oneThread = new ArrayList<>();
    List<Double> slowdowns = new ArrayList<>();
    List<Double> scalings = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      double aMillis = a.time(2, calls) * 1e-6;
      double bMillis = b.time(2, calls) * 1e-6;
      long start = System.nanoTime();
      Future<Long> other = second.submit(() -> b.time(0, calls));
      a.time(0, calls);
      try {
        other.get();
      } catch (ExecutionException e) {
        throw new IOException("the second process failed", e);
      }
      double both = (System.nanoTime() - start) * 1e-6;
      double single = one.time(1, Math.max(1, calls / 2)) * 1e-6 / Math.max(1, calls / 2);
      alone.add(aMillis / calls);
      oneThread.add(single);
      slowdowns.add(both / (aMillis + bMillis));
      scalings.add(single * calls / aMillis);
    }
    for (ChildProcess child : List.of(a, b, one)) {
      child.release();
    }
    return new Row(
        what.cell(),
        what.pass().id(),
        what.timeSteps(),
        what.batchSize(),
        what.hiddenSize(),
        cores,
        rounded(Statistics.median(alone)),
        rounded(Statistics.median(oneThread)),
        rounded(Statistics.median(slowdowns)),
        rounded(Statistics.min(slowdowns)),
        rounded(Statistics.max(slowdowns)),
        rounded(Statistics.median(scalings)),
        rounds);
  }

  private static double rounded(double value) {
    return Math.round(value * 1e4) / 1e4;
  }
}
