package dev.sequor.benchmarks.accuracy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.Tasks;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Published results, reached again: the median of several seeds. */
@Command(
    name = "accuracy",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Trains on a published problem, once for each seed, and prints the median of the figure that",
      "counts. jsb: chorales, the negative log-likelihood of the next step; adding: the sum of two of",
      "200 numbers, the squared error; copy: ten symbols after 20 steps, the cross-entropy; digits:",
      "written digits row by row, the part that is right."
    })
public final class Accuracy implements Callable<Integer> {
  @Parameters(paramLabel = "NAME", description = "jsb, adding, copy, digits")
  private String name;

  @Option(names = "--seeds", defaultValue = "3", description = "runs (${DEFAULT-VALUE})")
  private int seeds;

  @Option(names = "--device", defaultValue = "auto", description = "cpu, cuda, java, auto")
  private String device;

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description = "where data files are (../shared/data, or that of SEQUOR_SHARED)")
  private Path data;

  @Option(names = "--json", description = "print a list of JSON objects instead of words")
  private boolean json;

  /** Runs the command line. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Accuracy()).execute(arguments));
  }

  private Path folder() {
    if (data != null) {
      return data;
    }
    String shared = System.getenv("SEQUOR_SHARED");
    return shared != null
        ? Path.of(shared, "data")
        : Path.of(System.getProperty("benchmarks.home")).resolve("../../shared/data").normalize();
  }

  @Override
  public Integer call() throws IOException {
    Path folder = folder();
    List<Experiment> all =
        List.of(
            new JsbChorales(folder.resolve("jsb_chorales.json")),
            new TaskExperiment(Tasks.named("adding"), "meanSquaredError", "less than 0.01"),
            copy(),
            new Digits(folder));
    Experiment experiment =
        all.stream().filter(e -> e.name().equals(name)).findFirst().orElse(null);
    if (experiment == null || seeds < 1) {
      String names = all.stream().map(Experiment::name).collect(Collectors.joining(", "));
      System.err.println(
          experiment == null
              ? "unknown problem '" + name + "'; known: " + names
              : "--seeds is " + seeds + "; needed at least 1");
      return 2;
    }
    Optional<String> missing = experiment.missing();
    if (missing.isPresent()) {
      System.err.println(name + " is skipped: " + missing.get());
      return 2;
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    try (Backend backend = device.equals("auto") ? Devices.auto() : Devices.open(device)) {
      for (String variant : experiment.variants()) {
        rows.add(row(experiment, backend, variant));
      }
    }
    if (json) {
      System.out.println(new ObjectMapper().writeValueAsString(rows));
    }
    return 0;
  }

  /** A plain LSTM learns it slowly; one that is normalised does not. */
  private static Experiment copy() {
    Task task = Tasks.named("copy");
    TaskSettings normalised =
        task.defaults()
            .withCell(CellType.LSTM)
            .withOptions(CellOptions.builder().layerNorm(true).build())
            .withSteps(3000)
            .withLearningRate(4e-3f);
    return new TaskExperiment(task, "crossEntropy", "at most 0.05")
        .with("lstm with layer normalisation", normalised);
  }

  private Map<String, Object> row(Experiment experiment, Backend backend, String variant)
      throws IOException {
    PrintStream progress = json ? System.err : System.out;
    List<Double> figures = new ArrayList<>();
    long started = System.nanoTime();
    for (int seed = 1; seed <= seeds; seed++) {
      figures.add(experiment.run(backend, variant, seed));
      progress.printf(Locale.ROOT, "%s, seed %d: %.4f%n", variant, seed, figures.get(seed - 1));
    }
    double seconds = (System.nanoTime() - started) * 1e-9 / seeds;
    Collections.sort(figures);
    double median = (figures.get((seeds - 1) / 2) + figures.get(seeds / 2)) / 2;
    progress.printf(
        Locale.ROOT,
        "%s on %s: %s %.4f, %s; %.1f s a run%n",
        variant,
        backend.name(),
        experiment.figure(),
        median,
        experiment.bar(),
        seconds);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put(experiment.variantIs(), variant);
    row.put(experiment.figure(), median);
    row.put("seconds", seconds);
    row.put("least", figures.get(0));
    row.put("most", figures.get(seeds - 1));
    row.put("runs", seeds);
    row.put("device", backend.name());
    return row;
  }
}
