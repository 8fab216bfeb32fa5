package dev.sequor.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Two builds of Sequor against each other. {@code benchmarks/by-turns} makes them. */
@Command(
    name = "by-turns",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Times two builds of Sequor, a repetition of the one and a repetition of the other by turns,",
      "in fresh pairs of processes, and prints the ratio of their medians."
    })
public final class ByTurns implements Callable<Integer> {
  private static final long SEED = 20140603;

  /** What calls of both compute may differ by: another order of sums, better activations. */
  private static final double TOLERANCE = 1e-4;

  @Parameters(index = "0", paramLabel = "A", description = "folder benchmarks of the first build")
  private Path first;

  @Parameters(index = "1", paramLabel = "B", description = "folder benchmarks of the second")
  private Path second;

  @Option(names = "--device", defaultValue = "cpu", description = "cpu or java (${DEFAULT-VALUE})")
  private String device;

  @Option(
      names = "--shapes",
      split = ";",
      paramLabel = "T,B,H[,L2][,D2][,ragged]",
      defaultValue = "128,1,128;128,32,128;64,64,512",
      description = "${DEFAULT-VALUE}")
  private List<Shape> shapes;

  @Option(names = "--cells", split = ",", description = "only these: ${COMPLETION-CANDIDATES}")
  private List<Case.Cell> cells = List.of(Case.Cell.values());

  @Option(names = "--passes", split = ",", description = "only these: ${COMPLETION-CANDIDATES}")
  private List<Case.Pass> passes = List.of(Case.Pass.values());

  @Option(
      names = "--threads",
      description = "of each build's team (as many as there are processors)")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--pairs",
      defaultValue = "3",
      description =
          "pairs of processes: where memory happens to lie is one's own (${DEFAULT-VALUE})")
  private int pairs;

  @Option(
      names = "--rounds",
      defaultValue = "15",
      description = "repetitions of each in each pair (${DEFAULT-VALUE})")
  private int rounds;

  @Option(
      names = "--millis",
      defaultValue = "20",
      description = "a repetition fills so much, with one call at least (${DEFAULT-VALUE})")
  private double millis;

  @Option(names = "--out", paramLabel = "FILE.json", description = "write the results here")
  private Path out;

  private final PrintStream console = System.out;
  private final IdleCores idleCores = new IdleCores();

  /**
   * One case.
   *
   * @param ratio the median over all rounds of B's time by A's beside it; below 1 B is faster
   * @param pairRatios B's median by A's, of each pair of processes
   * @param disturbed repetitions that began while something else kept the cores busy
   */
  record Row(
      String what,
      double firstMedianMillis,
      double secondMedianMillis,
      double ratio,
      List<Double> pairRatios,
      int disturbed) {}

  /** A whole run. */
  record Results(
      Machine machine, String first, String second, String device, int threads, List<Row> rows) {}

  /** Runs the command line. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new ByTurns())
            .registerConverter(Shape.class, ByTurns::shape)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  @Override
  public Integer call() throws IOException, ChildProcess.Refused {
    Path home = Path.of(System.getProperty("benchmarks.home"));
    Path log = home.resolve("target/children.log");
    Files.createDirectories(log.getParent());
    Files.deleteIfExists(log);
    String nameOfFirst = Checkout.commit(first);
    String nameOfSecond = Checkout.commit(second);
    console.printf(
        "A = %s, B = %s, device %s, %d threads%n", nameOfFirst, nameOfSecond, device, threads);
    console.printf("%-40s %10s %10s %8s   %s%n", "", "A ms", "B ms", "B / A", "of each pair");
    List<Row> rows = new ArrayList<>();
    for (Shape shape : shapes) {
      for (Case.Cell cell : cells) {
        for (Case.Pass pass : passes) {
          Row row = measure(new Case(cell, pass, shape), log);
          rows.add(row);
          console.printf(
              Locale.ROOT,
              "%-40s %10.3f %10.3f %8.3f   %s%s%n",
              row.what(),
              row.firstMedianMillis(),
              row.secondMedianMillis(),
              row.ratio(),
              row.pairRatios(),
              row.disturbed() == 0 ? "" : ", disturbed " + row.disturbed());
        }
      }
    }
    if (out != null) {
      new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValue(
              out.toFile(),
              new Results(Machine.current(), nameOfFirst, nameOfSecond, device, threads, rows));
    }
    return 0;
  }

  private static Shape shape(String text) {
    try {
      return Shape.parse(text);
    } catch (IllegalArgumentException e) {
      throw new CommandLine.TypeConversionException(e.getMessage());
    }
  }

  private Row measure(Case what, Path log) throws IOException, ChildProcess.Refused {
    List<Double> allA = new ArrayList<>();
    List<Double> allB = new ArrayList<>();
    List<Double> ratios = new ArrayList<>();
    List<Double> pairRatios = new ArrayList<>();
    int disturbed = 0;
    for (int pair = 0; pair < pairs; pair++) {
      try (ChildProcess a = start(first, log);
          ChildProcess b = start(second, log)) {
        Message.Reply ofA = a.prepare(what, SEED);
        requireSame(what, ofA.digests(), b.prepare(what, SEED).digests());
        double expected = Math.max(1e-3, warmUp(a));
        warmUp(b);
        int calls = (int) Math.max(1, Math.ceil(millis / expected));
        int untimed = expected < millis ? 1 + calls / 4 : 0;
        List<Double> timesA = new ArrayList<>();
        List<Double> timesB = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
          double[] times = new double[2];
          for (int turn = 0; turn < 2; turn++) {
            disturbed += idleCores.await() ? 0 : 1;
            int who = (round + turn) % 2; // neither always follows the other
            times[who] = (who == 0 ? a : b).time(untimed, calls) * 1e-6 / calls;
          }
          timesA.add(times[0]);
          timesB.add(times[1]);
          ratios.add(times[1] / times[0]);
        }
        pairRatios.add(rounded(Statistics.median(timesB) / Statistics.median(timesA)));
        allA.addAll(timesA);
        allB.addAll(timesB);
      }
    }
    return new Row(
        what.toString(),
        rounded(Statistics.median(allA)),
        rounded(Statistics.median(allB)),
        rounded(Statistics.median(ratios)),
        pairRatios,
        disturbed);
  }

  private ChildProcess start(Path build, Path log) throws IOException, ChildProcess.Refused {
    String classPath = CpuPeers.classPath(build, "peers");
    return ChildProcess.start(
        Entrant.sequor("sequor-" + device, device, "FLOAT32", threads, classPath, c -> true), log);
  }

  /** About what a call takes, after half a second of them. */
  private static double warmUp(ChildProcess child) throws IOException, ChildProcess.Refused {
    double spent = 0;
    double call = 0;
    for (int calls = 1; spent < 500; calls *= 2) {
      double total = child.time(0, calls) * 1e-6;
      call = total / calls;
      spent += Math.max(total, 1e-3);
    }
    return call;
  }

  private static void requireSame(Case what, Map<String, Digest> a, Map<String, Digest> b)
      throws IOException {
    for (Map.Entry<String, Digest> result : b.entrySet()) {
      Digest expected = a.get(result.getKey());
      if (expected == null || !(result.getValue().errorAgainst(expected) <= TOLERANCE)) {
        throw new IOException(
            what
                + ": the builds do not compute the same "
                + result.getKey()
                + "; nothing is timed");
      }
    }
  }

  private static double rounded(double value) {
    return Math.round(value * 1e4) / 1e4;
  }
}
