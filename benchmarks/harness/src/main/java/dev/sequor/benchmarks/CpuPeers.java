package dev.sequor.benchmarks;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Sequor's CPU backends and their peers in one interleaved run. */
@Command(
    name = "cpu-peers",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Times Sequor's CPU backends and their peers in one interleaved run.",
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:done",
      "1:a system failed, or computed something else than the others",
      "2:bad options"
    })
public final class CpuPeers implements Callable<Integer> {
  private static final List<Shape> LAYERS =
      List.of(
          new Shape(128, 1, 128),
          new Shape(128, 1, 512),
          new Shape(128, 32, 128),
          new Shape(128, 32, 256),
          new Shape(128, 32, 512),
          new Shape(64, 64, 512),
          new Shape(128, 64, 1024),
          new Shape(512, 16, 256));

  private static final List<Shape> WHOLES =
      IntStream.of(1, 8, 32)
          .boxed()
          .flatMap(
              batch ->
                  Stream.of(
                      new Shape(128, batch, 256, 2, 1, false),
                      new Shape(128, batch, 256, 4, 1, false),
                      new Shape(128, batch, 256, 1, 2, false),
                      new Shape(128, batch, 256, 2, 2, false)))
          .toList();

  private static final List<Shape> RAGGED = List.of(new Shape(256, 32, 256, 1, 1, true));

  private static final Rounds.Options FULL = new Rounds.Options(15, 1000, 20, false);
  private static final Rounds.Options QUICK = new Rounds.Options(9, 100, 5, true);

  /** Leaves the rest of eight minutes to the build and the start of the processes. */
  private static final double QUICK_SECONDS = 390;

  /** Later than this, a quick run leaves cases out, and says so. */
  private static final double QUICK_DEADLINE_SECONDS = 420;

  /** After that it starts no second setting of a system: on a busy machine each takes long. */
  private static final double QUICK_START_SECONDS = 120;

  /** And then it has to end. */
  private static final double QUICK_END_SECONDS = 480;

  /** A quick run tries fewer settings on cases of more work than this. */
  private static final double LARGE_FLOPS = 20e9;

  /** Streaming shapes say nothing about which setting is best for batches. */
  private static final int SMALLEST_BATCH = 16;

  // Only to divide the budget: what a case costs for each process, and over all of them, about.
  private static final double SECONDS_PER_PROCESS = 0.3;
  private static final double FLOPS_PER_SECOND = 12e9;

  @Option(
      names = "--quick",
      description = "fewer repetitions where they are slow, at most eight minutes in all")
  private boolean quick;

  @Option(names = "--out", paramLabel = "FILE.json", description = "write the results here")
  private Path out;

  @Option(
      names = "--shapes",
      split = ";",
      paramLabel = "SHAPE",
      description = {
        "only these, for example \"128,32,128;64,64,512,L2,D2\": T,B,H, and if there are more",
        "layers or both directions L2 or D2, if lengths differ ragged; or the usual ones:",
        "layers (one layer, one direction), wholes (more), ragged (all three; with --quick layers)"
      })
  private List<String> shapes = List.of();

  @Option(
      names = "--systems",
      split = ",",
      description = "only these: pytorch, onnxruntime, dl4j, sequor-cpu, sequor-java, …")
  private List<String> systems = List.of();

  @Option(names = "--cells", split = ",", description = "only these: ${COMPLETION-CANDIDATES}")
  private List<Case.Cell> cells = List.of(Case.Cell.values());

  @Option(names = "--passes", split = ",", description = "only these: ${COMPLETION-CANDIDATES}")
  private List<Case.Pass> passes = List.of(Case.Pass.values());

  @Option(names = "--rounds", description = "repetitions, at most (15; with --quick 9)")
  private Integer maxRounds;

  @Option(names = "--no-dl4j", description = "leave Deeplearning4j out, and do not fetch it")
  private boolean noDl4j;

  @Option(
      names = "--python",
      paramLabel = "PATH",
      description = {
        "a Python with PyTorch and NumPy, timed as pytorch-python, and with all in bfloat16 as",
        "pytorch-python-bf16"
      })
  private Path python;

  private final PrintStream console = System.out;
  private final IdleCores idleCores = new IdleCores();

  /** Runs the command line. */
  public static void main(String[] arguments) {
    int status =
        new CommandLine(new CpuPeers())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments);
    System.exit(status);
  }

  @Override
  public Integer call() throws IOException {
    long start = System.nanoTime();
    Path home = Path.of(System.getProperty("benchmarks.home"));
    int cores = Runtime.getRuntime().availableProcessors();
    List<Case> cases = cases();
    Map<String, String> skipped = new LinkedHashMap<>();
    MachineLimits limits = limits(home, cores);
    boolean failed = false;
    List<ChildProcess> children = new ArrayList<>();
    Kernels kernels = null;
    try {
      children.addAll(start(home, cores, cases, skipped));
      Path kernelLog = home.resolve("target/kernels.log");
      Files.deleteIfExists(kernelLog);
      kernels = Kernels.start(children, kernelLog);
      Map<String, String> descriptions = new LinkedHashMap<>();
      children.forEach(c -> descriptions.putIfAbsent(c.entrant().system(), c.description()));
      List<Row> rows = new ArrayList<>();
      Machine machine = Machine.current();
      console.println(machine.cpu() + ", " + machine.cores() + " cores, " + machine.jdk());
      Report.printHeader(console);
      Report report = null;
      List<String> leftOut = new ArrayList<>();
      Map<String, Integer> disturbed = new LinkedHashMap<>();
      Map<String, Set<Entrant>> hopeless = new HashMap<>();
      Map<String, Double> rates = new HashMap<>();
      double left = cases.stream().mapToDouble(what -> expectedSeconds(what, children)).sum();
      for (Case what : cases) {
        double budget = Double.POSITIVE_INFINITY;
        if (quick) {
          double elapsed = (System.nanoTime() - start) * 1e-9;
          if (elapsed > QUICK_DEADLINE_SECONDS) {
            leftOut.add(what.toString());
            continue;
          }
          double remaining = Math.max(0, QUICK_SECONDS - elapsed);
          budget = remaining * expectedSeconds(what, children) / left;
        }
        left -= expectedSeconds(what, children);
        if (limits != null) {
          limits.measure(what);
        }
        List<ChildProcess> here =
            children.stream()
                .filter(c -> c.entrant().takesPart().test(what))
                .filter(c -> !leaveOut(c.entrant(), what, hopeless))
                .filter(c -> !quick || fits(c.entrant(), what, rates, start, leftOut))
                .toList();
        Rounds rounds = new Rounds(what, rounds(), idleCores, console);
        Map<String, String> taken = kernels.of(what, Rounds.SEED);
        rounds.measure(here, budget).stream()
            .map(row -> row.withKernels(taken.get(row.system())))
            .forEach(rows::add);
        failed |= rounds.failed();
        rounds
            .leastMillis()
            .forEach(
                (entrant, millis) ->
                    rates.put(entrant + kind(what), what.flops() / (millis * 1e-3)));
        if (rounds.disturbed() > 0) {
          disturbed.put(what.toString(), rounds.disturbed());
        }
        if (what.batchSize() >= SMALLEST_BATCH) {
          hopeless.put(kind(what), rounds.hopeless());
        }
        report =
            new Report(
                machine,
                Checkout.commit(home),
                limits == null ? null : limits.soFar(),
                descriptions,
                ChildEnvironment.GIVEN,
                ChildEnvironment.withheld(System.getenv()),
                skipped,
                leftOut,
                disturbed,
                rows);
        report.printCase(console, what);
        if (out != null) {
          report.write(out); // after each case: an interrupted run has something to show
        }
      }
      if (report != null) {
        report.printSummary(console);
      }
      failed |= rows.stream().anyMatch(row -> !row.valid());
    } finally {
      children.forEach(ChildProcess::close);
      if (kernels != null) {
        kernels.close();
      }
    }
    console.printf(Locale.ROOT, "%.0f seconds%n", (System.nanoTime() - start) * 1e-9);
    return failed ? 1 : 0;
  }

  /** Settings that were hopeless for a smaller shape only cost a quick run time. */
  private boolean leaveOut(Entrant entrant, Case what, Map<String, Set<Entrant>> hopeless) {
    return quick
        && what.flops() > LARGE_FLOPS
        && hopeless.getOrDefault(kind(what), Set.of()).contains(entrant);
  }

  /**
   * Whether a quick run has the time: not if the call that is checked and one that is timed would
   * take a quarter of what is left, at the rate that the entrant had at the last case of the kind.
   */
  private static boolean fits(
      Entrant entrant,
      Case what,
      Map<String, Double> rates,
      long startNanos,
      List<String> leftOut) {
    double left = QUICK_END_SECONDS - (System.nanoTime() - startNanos) * 1e-9;
    double call = what.flops() / rates.getOrDefault(entrant + kind(what), 1e15);
    if (2 * call <= left / 4) {
      return true;
    }
    leftOut.add(
        String.format(
            Locale.ROOT, "%s at %s: a call would take about %.0f s", entrant, what, call));
    return false;
  }

  private static String kind(Case what) {
    return what.cell() + " " + what.pass();
  }

  private static double expectedSeconds(Case what, List<ChildProcess> children) {
    long processes = children.stream().filter(c -> c.entrant().takesPart().test(what)).count();
    return processes * SECONDS_PER_PROCESS + what.flops() / FLOPS_PER_SECOND;
  }

  private Rounds.Options rounds() {
    Rounds.Options base = quick ? QUICK : FULL;
    return maxRounds == null
        ? base
        : new Rounds.Options(maxRounds, base.warmUpMillis(), base.repetitionMillis(), quick);
  }

  private Set<Shape> chosenShapes() {
    Set<Shape> chosen = new LinkedHashSet<>();
    List<String> words =
        !shapes.isEmpty()
            ? shapes
            : quick ? List.of("layers") : List.of("layers", "wholes", "ragged");
    for (String word : words) {
      switch (word.strip().toLowerCase(Locale.ROOT)) {
        case "layers" -> chosen.addAll(LAYERS);
        case "wholes" -> chosen.addAll(WHOLES);
        case "ragged" -> chosen.addAll(RAGGED);
        default -> {
          try {
            chosen.add(Shape.parse(word));
          } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(
                new CommandLine(this),
                "--shapes: " + e.getMessage() + "; or layers, wholes, ragged");
          }
        }
      }
    }
    return chosen;
  }

  /** Cheap ones first, so that what they leave of a budget goes to those that need it. */
  private List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Shape shape : chosenShapes()) {
      for (Case.Cell cell : cells) {
        for (Case.Pass pass : passes) {
          cases.add(new Case(cell, pass, shape));
        }
      }
    }
    if (quick) {
      cases.sort(Comparator.comparingDouble(Case::flops));
    }
    return cases;
  }

  private MachineLimits limits(Path home, int cores) {
    try {
      return MachineLimits.compile(home.resolve("peak"), home.resolve("target"), cores);
    } catch (IOException e) {
      console.println("limits of the machine not measured: " + e.getMessage());
      return null;
    }
  }

  private List<ChildProcess> start(
      Path home, int cores, List<Case> cases, Map<String, String> skipped) throws IOException {
    Path log = home.resolve("target/children.log");
    Files.deleteIfExists(log);
    String dl4j = noDl4j ? null : classPath(home, "dl4j");
    List<Entrant> entrants = Entrant.all(cores, classPath(home, "peers"), dl4j, peersPython(home));
    for (String system : systems) {
      if (entrants.stream().noneMatch(e -> e.system().equals(system))) {
        throw new CommandLine.ParameterException(
            new CommandLine(this),
            "--systems has '"
                + system
                + "'; known systems: "
                + String.join(", ", entrants.stream().map(Entrant::system).distinct().toList()));
      }
    }
    boolean bfloat16 = Machine.multipliesBfloat16();
    List<Entrant> chosen =
        entrants.stream()
            .filter(e -> systems.isEmpty() ? e.always(bfloat16) : systems.contains(e.system()))
            .filter(e -> cases.stream().anyMatch(e.takesPart()))
            .toList();
    console.println("starting " + chosen.size() + " processes");
    long start = System.nanoTime();
    List<ChildProcess> children = new ArrayList<>();
    for (Entrant entrant : oneOfEachFirst(chosen)) {
      boolean isLate = quick && (System.nanoTime() - start) * 1e-9 > QUICK_START_SECONDS;
      if (isLate
          && children.stream().anyMatch(c -> c.entrant().system().equals(entrant.system()))) {
        skipped.put(entrant.toString(), "starting the others took all the time there was for that");
        continue;
      }
      try {
        children.add(ChildProcess.start(entrant, log));
      } catch (ChildProcess.Refused e) {
        console.println("skipped " + entrant + ": " + e.getMessage());
        skipped.put(entrant.toString(), e.getMessage());
      }
    }
    if (systems.isEmpty() && !bfloat16) {
      skipped.put("systems of bfloat16", "the processor has no AVX512_BF16; --systems takes them");
    }
    if (children.stream().noneMatch(c -> c.entrant().system().equals(Entrant.PYTORCH))) {
      console.println(
          "Without PyTorch, results are only compared with those of the other systems.");
    }
    return children;
  }

  /** The first setting of each system, then the second of each, and so on. */
  static List<Entrant> oneOfEachFirst(List<Entrant> entrants) {
    Map<String, Integer> counts = new HashMap<>();
    Map<Entrant, Integer> places = new HashMap<>();
    entrants.forEach(e -> places.put(e, counts.merge(e.system(), 1, Integer::sum)));
    return entrants.stream().sorted(Comparator.comparing(places::get)).toList();
  }

  private Entrant.Python peersPython(Path home) {
    if (python == null) {
      for (String system : List.of(Entrant.PYTORCH_IN_PYTHON, Entrant.PYTORCH_BFLOAT16)) {
        if (systems.contains(system)) {
          throw new CommandLine.ParameterException(
              new CommandLine(this),
              "--systems has '" + system + "'; needed --python PATH with it");
        }
      }
      return null;
    }
    if (!Files.isExecutable(python) || Files.isDirectory(python)) {
      throw new CommandLine.ParameterException(
          new CommandLine(this), "--python is " + python + "; needed a program to run");
    }
    return new Entrant.Python(python.toAbsolutePath(), home.resolve("peers"));
  }

  /** A module's own classes and its dependencies. */
  static String classPath(Path home, String module) throws IOException {
    Path target = home.resolve(module).resolve("target");
    String dependencies = Files.readString(target.resolve("classpath")).strip();
    return target.resolve("classes") + File.pathSeparator + dependencies;
  }
}
