package dev.sequor.cli;

import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Scores a table of sequences on a cluster. */
@Command(
    name = "score",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false,
    header = "Scores a table of sequences on a cluster of Apache Spark.",
    description = {
      "Adds columns with what a model says of a column of sequences: arrays of tokens, or of the"
          + " numbers of vectors. Tables are in Parquet, in any file system that the cluster knows.",
      ""
    })
final class ScoreCommand implements Callable<Integer> {
  /** What to do with rows that the model cannot read. */
  static final class Invalid extends Choice<String> {
    Invalid() {
      super(List.of("error", "skip", "keep"), Function.identity());
    }
  }

  @Option(
      names = "--spark",
      required = true,
      paramLabel = "MASTER",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description =
          "The cluster: local[N] for this machine, spark://HOST:PORT, yarn, k8s://… as Spark has"
              + " them.")
  private String master = "";

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      preprocessor = Verbatim.class,
      description = "The directory or the file of a trained model.")
  private Path model = Path.of("");

  @Option(
      names = "--input",
      required = true,
      paramLabel = "TABLE",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The table to read, such as rows.parquet or hdfs://host/rows.parquet.")
  private String input = "";

  @Option(
      names = "--output",
      required = true,
      paramLabel = "TABLE",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "Where to write it with the columns that are added; a new name.")
  private String output = "";

  @Option(
      names = "--input-col",
      paramLabel = "NAME",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The column with the sequences (default: values).")
  private @Nullable String inputColumn;

  @Option(
      names = "--output-col",
      paramLabel = "NAME",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The column for what the model says (default: outputs).")
  private @Nullable String outputColumn;

  @Option(
      names = "--prediction-col",
      paramLabel = "NAME",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The column for the likeliest class (default: none).")
  private @Nullable String predictionColumn;

  @Option(
      names = "--id-col",
      paramLabel = "NAME",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description =
          "The column that names rows in messages (default: none; they have the number in their"
              + " partition).")
  private @Nullable String idColumn;

  @Option(
      names = "--handle-invalid",
      paramLabel = "HOW",
      defaultValue = "error",
      converter = Invalid.class,
      completionCandidates = Invalid.class,
      description =
          "A row that the model cannot read ends it (error), is left out (skip), or has no outputs"
              + " (keep); one of ${COMPLETION-CANDIDATES}.")
  private String handleInvalid = "error";

  @Range("[1,4096]")
  @Option(
      names = "--max-batch",
      paramLabel = "N",
      defaultValue = "64",
      description = "Sequences computed together, at most.")
  private int maxBatch;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    Cluster cluster = Cluster.find();
    TrainedModel trained = TrainedModel.load(model);
    console.note("scoring " + input + " with " + model + " on Spark " + master);
    long started = System.nanoTime();
    long rows =
        cluster.score(
            new Cluster.Scoring(
                master,
                trained,
                input,
                output,
                inputColumn,
                outputColumn,
                predictionColumn,
                idColumn,
                handleInvalid,
                maxBatch,
                device.orElse(DeviceOption.AUTO)));
    double seconds = (System.nanoTime() - started) * 1e-9;
    console
        .words()
        .printf(Locale.ROOT, "%,d rows in %.1f s, written to %s%n", rows, seconds, output);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("output", output);
    result.put("rows", rows);
    result.put("seconds", seconds);
    console.result(result);
    return 0;
  }
}
