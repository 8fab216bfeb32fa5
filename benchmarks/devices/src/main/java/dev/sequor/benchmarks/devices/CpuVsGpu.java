package dev.sequor.benchmarks.devices;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.CellType;
import dev.sequor.benchmarks.Checkout;
import dev.sequor.benchmarks.Machine;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.util.Version;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** Times Sequor's devices against each other and says from which size on a GPU is faster. */
@Command(
    name = "cpu-vs-gpu",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Compares the results of Sequor's devices, then times each of them, and says from which size"
          + " on a GPU is faster. Without a GPU it says why, and times the CPU."
    },
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:done",
      "1:the devices' results differ, or a benchmark failed",
      "2:bad options",
      "3:a device of --devices cannot be used, or is the simulator"
    })
public final class CpuVsGpu implements Callable<Integer> {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int DEVICE_NOT_USABLE = 3;

  static final String SIMULATOR_WARNING =
      "SIMULATOR: the times of the device are those of a program on the CPU that imitates a GPU."
          + " They say nothing about any GPU.";

  private static final List<String> DEVICES = List.of("cpu", "cuda:0");

  /** The cells by the names of the enum or of the command line, those of before as well. */
  static final class Cells implements ITypeConverter<CellType> {
    @Override
    public CellType convert(String given) {
      try {
        return CellType.ofId(given.toLowerCase(Locale.ROOT).replace('_', '-'));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  private static final List<CellType> CELLS = List.of(CellType.LSTM, CellType.GRU_RESET_AFTER);

  private static final List<Shape> SHAPES =
      List.of(
          new Shape(128, 1, 128),
          new Shape(128, 8, 128),
          new Shape(128, 32, 128),
          new Shape(128, 128, 128),
          new Shape(128, 1, 512),
          new Shape(128, 8, 512),
          new Shape(128, 32, 512),
          new Shape(128, 128, 512),
          new Shape(128, 1, 1024),
          new Shape(128, 8, 1024),
          new Shape(128, 32, 1024),
          new Shape(128, 128, 1024));

  private static final List<Shape> QUICK_SHAPES =
      List.of(
          new Shape(64, 1, 128),
          new Shape(64, 32, 128),
          new Shape(64, 1, 512),
          new Shape(64, 32, 512));

  /** Later than this, a quick run leaves out what is left; three minutes hold one more of them. */
  private static final double QUICK_DEADLINE_SECONDS = 150;

  @Spec private CommandSpec spec;

  @Option(names = "--quick", description = "few small shapes, at most three minutes")
  private boolean quick;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description =
          "for cpu-vs-gpu.json and cpu-vs-gpu.html; benchmarks/target/cpu-vs-gpu if absent")
  private Path out;

  @Option(
      names = "--devices",
      split = ",",
      paramLabel = "DEVICE",
      description = "as Devices.open takes them: cpu, java, cuda:N; cpu,cuda:0 if absent")
  private List<String> devices;

  @Option(
      names = "--shapes",
      split = ";",
      paramLabel = "T,B,H",
      description = "for example \"128,32,128;64,64,512\"; the input is as wide as H")
  private List<String> shapes;

  @Option(
      names = "--cells",
      split = ",",
      paramLabel = "CELL",
      converter = Cells.class,
      description = "any of ${COMPLETION-CANDIDATES}; LSTM,GRU_RESET_AFTER if absent")
  private List<CellType> cells = CELLS;

  @Option(
      names = "--tolerance",
      description =
          "how far a device's results may be from the first one's, relative to the norm; if absent,"
              + " 1e-4 for products in float32, 5e-3 in TF32 and FP16, 4e-2 in BF16")
  private Double tolerance;

  @Option(
      names = "--simulator",
      description =
          "accept a simulated GPU, to test this command; what it writes is marked as worthless")
  private boolean simulator;

  private final PrintStream console;

  private CpuVsGpu(PrintStream console) {
    this.console = console;
  }

  /** Runs the command line. */
  public static void main(String[] arguments) {
    PrintStream console = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.exit(commandLine(console).execute(arguments));
  }

  /** What {@link #main} runs. */
  static CommandLine commandLine(PrintStream console) {
    return new CommandLine(new CpuVsGpu(console)).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    final long start = System.nanoTime();
    final String date = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    final List<Shape> sizes = sizes();
    Map<String, String> skipped = new LinkedHashMap<>();
    List<Device> found = find(devices == null ? DEVICES : devices, skipped);
    if (found.stream().anyMatch(Device::isSimulated) && !simulator) {
      console.println(simulatorRefused(found));
      return DEVICE_NOT_USABLE;
    }
    if (found.isEmpty()) {
      console.println("no device is left to measure");
      return DEVICE_NOT_USABLE;
    }
    Path home = Path.of(System.getProperty("benchmarks.home"));
    Path folder = out == null ? home.resolve("target/cpu-vs-gpu") : out;
    Files.createDirectories(folder);
    Map<String, String> systems = new LinkedHashMap<>();
    found.forEach(device -> systems.put("sequor-" + device.id(), "Sequor " + device.name()));
    Machine machine = Machine.current();
    console.println(machine.cpu() + ", " + machine.cores() + " cores, " + machine.jdk());
    found.forEach(
        d -> console.println(d.name() + (d.driver() == null ? "" : ", driver " + d.driver())));

    List<Agreement> agreements = compare(found, sizes);
    if (!agreements.stream().allMatch(Agreement::holds)) {
      console.println("Nothing was timed: the devices' results differ.");
      return FAILED;
    }

    JmhTimer.Settings settings = quick ? JmhTimer.Settings.QUICK : JmhTimer.Settings.FULL;
    List<Row> rows = new ArrayList<>();
    boolean failed = false;
    Results results = null;
    try (PrintStream log =
        new PrintStream(
            Files.newOutputStream(folder.resolve("jmh.log")), true, StandardCharsets.UTF_8)) {
      JmhTimer timer = new JmhTimer(settings, log);
      Table.printHeader(console);
      for (Workload what : workloads(sizes)) {
        if (quick && (System.nanoTime() - start) * 1e-9 > QUICK_DEADLINE_SECONDS) {
          console.println(what + " is left out: the time is up");
          skipped.put(what.toString(), "the time was up");
          continue;
        }
        List<Row> here = new ArrayList<>();
        for (Device device : found) {
          try {
            here.add(Row.of(what, device, timer.time(what, device)));
          } catch (RunnerException e) {
            failed = true;
            console.println(what + " failed on " + device.name() + ": see jmh.log in " + folder);
            skipped.put(what + " on " + device.id(), "the benchmark failed");
          }
        }
        rows.addAll(here);
        Table.print(console, here, found);
        results =
            new Results(
                found.stream().anyMatch(Device::isSimulated) ? SIMULATOR_WARNING : null,
                machine,
                Checkout.commit(home),
                date,
                Version.getPlainVersion(),
                settings,
                systems,
                skipped,
                agreements,
                rows,
                Crossover.all(rows, found));
        write(folder, results, found); // each time: an interrupted run has something to show
      }
    }
    if (results != null) {
      printSummary(results, found);
    }
    console.printf(
        Locale.ROOT,
        "%.0f seconds; written to %s%n",
        (System.nanoTime() - start) * 1e-9,
        folder.resolve(fileName(found) + ".{json,html}"));
    boolean notUsable =
        devices != null && found.size() < devices.stream().distinct().toList().size();
    return failed ? FAILED : notUsable ? DEVICE_NOT_USABLE : DONE;
  }

  private List<Shape> sizes() {
    if (shapes == null) {
      return quick ? QUICK_SHAPES : SHAPES;
    }
    try {
      return shapes.stream().map(Shape::parse).distinct().toList();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--shapes: " + e.getMessage(), e);
    }
  }

  /** The devices that work, in the order asked for; of the others, why not and the cure. */
  private List<Device> find(List<String> asked, Map<String, String> skipped) {
    List<Device> found = new ArrayList<>();
    for (String id : asked.stream().distinct().toList()) {
      try {
        found.add(Device.find(id));
      } catch (BackendUnavailableException e) {
        String why = String.valueOf(e.getMessage()).replaceAll("\\s*\\R\\s*", " ");
        console.println((Device.isGpu(id) ? "No GPU is measured: " : "Not measured: ") + why);
        skipped.put(id, why);
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), "--devices: " + e.getMessage(), e);
      }
    }
    return found;
  }

  static String simulatorRefused(List<Device> devices) {
    String name =
        devices.stream().filter(Device::isSimulated).map(Device::name).findFirst().orElseThrow();
    return name
        + " is no GPU but a program on the CPU that imitates one, and its times say nothing about"
        + " any GPU. Nothing was measured. Take its libcuda.so.1 off LD_LIBRARY_PATH to measure"
        + " without it; --simulator runs with it, to test this command, and marks what it writes.";
  }

  private List<Agreement> compare(List<Device> found, List<Shape> sizes) {
    if (found.size() < 2) {
      console.println("One device only: there is nothing to compare its results with.");
      return List.of();
    }
    List<Agreement> agreements = new ArrayList<>();
    try (Comparison comparison = new Comparison(found, tolerance)) {
      for (Workload what : workloads(sizes)) {
        if (!what.pass().isCopy()) {
          for (Agreement agreement : comparison.compare(what)) {
            agreements.add(agreement);
            if (!agreement.holds()) {
              console.println("MISMATCH: " + agreement);
              return agreements;
            }
          }
        }
      }
    } catch (BackendException e) {
      console.println("The comparison of the devices failed: " + e.getMessage());
      throw e;
    }
    console.println("Results agree; farthest apart: " + worst(agreements));
    return agreements;
  }

  private static Agreement worst(List<Agreement> agreements) {
    return agreements.stream()
        .max(Comparator.comparingDouble(a -> a.relativeL2() / a.tolerance()))
        .orElseThrow();
  }

  /** The cheapest first, so that a quick run leaves out the dearest. */
  private List<Workload> workloads(List<Shape> sizes) {
    List<Workload> workloads = new ArrayList<>();
    for (Shape shape : sizes.stream().sorted(Comparator.comparingDouble(Shape::work)).toList()) {
      workloads.add(new Workload(null, Pass.COPY_IN, shape));
      workloads.add(new Workload(null, Pass.COPY_OUT, shape));
      for (CellType cell : cells.stream().distinct().toList()) {
        workloads.add(new Workload(cell, Pass.FORWARD, shape));
        workloads.add(new Workload(cell, Pass.FORWARD_BACKWARD, shape));
      }
    }
    return workloads;
  }

  /** Simulated figures never stand in a file whose name a real run would use. */
  private static String fileName(List<Device> found) {
    return found.stream().anyMatch(Device::isSimulated) ? "cpu-vs-gpu-SIMULATOR" : "cpu-vs-gpu";
  }

  private static void write(Path folder, Results results, List<Device> found) throws IOException {
    results.write(folder.resolve(fileName(found) + ".json"));
    Files.writeString(
        folder.resolve(fileName(found) + ".html"), new ChartPage(results, found).html());
  }

  private void printSummary(Results results, List<Device> found) {
    if (results.simulator() != null) {
      console.println(results.simulator());
    }
    for (Crossover crossover : results.crossovers()) {
      console.println(Table.heading(crossover) + ": " + crossover.words());
    }
    if (found.stream().noneMatch(Device::gpu)) {
      console.println("No crossover: no GPU was measured.");
    }
  }
}
