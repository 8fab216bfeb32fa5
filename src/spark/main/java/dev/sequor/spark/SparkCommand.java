package dev.sequor.spark;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.Evaluator;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/**
 * What {@code spark-submit} runs: {@code train} a model of characters of a text, and {@code score}
 * a table of sequences with a model. Options have the names that {@code sequor train} has; exit
 * codes, too: 0 done, 2 bad input, 3 device not usable, 4 training diverged, 1 anything else.
 */
public final class SparkCommand {
  private static final String USAGE =
      "needed 'train --text FILE --out FILE ...' or 'score --model FILE --input PARQUET --output"
          + " PARQUET ...'";

  private final PrintStream messages;

  SparkCommand(PrintStream messages) {
    this.messages = messages;
  }

  /** Runs a command in a session of the master that {@code spark-submit} was given. */
  public static void main(String... arguments) {
    PrintStream messages =
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    int code = new SparkCommand(messages).run(Arrays.asList(arguments));
    if (code != 0) {
      System.exit(code);
    }
  }

  int run(List<String> arguments) {
    try {
      if (arguments.isEmpty()) {
        throw new IllegalArgumentException("there is no command; " + USAGE);
      }
      CommandOptions options = new CommandOptions(arguments.subList(1, arguments.size()));
      switch (arguments.get(0)) {
        case "train" -> train(options);
        case "score" -> score(options);
        default ->
            throw new IllegalArgumentException(
                "there is no command '" + arguments.get(0) + "'; " + USAGE);
      }
      return 0;
    } catch (BackendUnavailableException e) {
      return failed(e, 3);
    } catch (DivergedException e) {
      return failed(e, 4);
    } catch (IllegalArgumentException e) {
      return failed(e, 2);
    } catch (IOException | RuntimeException e) {
      return failed(e, 1);
    }
  }

  private int failed(Exception e, int code) {
    Throwable said = e;
    // Spark wraps what an executor has thrown.
    while (said.getCause() != null && said.getClass().getName().startsWith("org.apache.spark.")) {
      said = said.getCause();
    }
    messages.println("sequor: " + String.valueOf(said.getMessage()).lines().findFirst().orElse(""));
    return said instanceof IllegalArgumentException ? 2 : code;
  }

  private void train(CommandOptions options) throws IOException {
    String text = options.required("--text");
    Path out = Path.of(options.required("--out"));
    float heldOut = options.real("--held-out", 0.05f);
    int timeSteps = options.whole("--seq-length", 64);
    int steps = options.whole("--steps", 2000);
    int workers = options.whole("--workers", 0);
    int localSteps = options.whole("--local-steps", 1);
    int embedding = options.whole("--embedding", 64);
    CellType cell = options.choice("--cell", CellType.class, CellType.LSTM);
    int hidden = options.whole("--hidden", 128);
    int layers = options.whole("--layers", 1);
    float dropout = options.real("--dropout", 0);
    float rate = options.real("--lr", 0.002f);
    float clip = options.real("--clip", 5);
    int batch = options.whole("--batch", 64);
    int seed = options.whole("--seed", 1);
    RateSchedule schedule = options.choice("--schedule", RateSchedule.class, RateSchedule.CONSTANT);
    float outerRate = options.real("--outer-lr", 1);
    float outerMomentum = options.real("--outer-momentum", 0);
    @Nullable String kept = options.text("--checkpoints");
    int every = options.whole("--checkpoint-every", 100);
    @Nullable String device = options.text("--device");
    options.requireAllKnown();
    Text whole = Text.ofFile(Path.of(text));
    Corpus corpus = Corpus.of(whole, heldOut);
    CharacterVocabulary vocabulary = CharacterVocabulary.of(whole);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), embedding)
            .cell(cell)
            .hiddenSize(hidden)
            .layers(layers)
            .dropout(dropout)
            .build();
    try (SparkSession spark = SparkSession.builder().appName("sequor train").getOrCreate()) {
      SparkTrainer.Builder builder =
          SparkTrainer.builder(spark, spec, Optimizer.adam(rate))
              .clipping(Clipping.byGlobalNorm(clip))
              .schedule(schedule)
              .seed(seed)
              .batchSize(batch)
              .steps(steps)
              .localSteps(localSteps)
              .outer(outerRate, outerMomentum)
              .listener(this::say);
      if (workers > 0) {
        builder.workers(workers);
      }
      if (kept != null) {
        builder.keepOrResume(kept, every);
      }
      if (device != null) {
        builder.device(device);
      }
      TrainedModel model =
          builder.build().train(TrainingData.text(text, vocabulary, heldOut, timeSteps));
      model.save(out);
      messages.println(
          "sequor: held out " + bits(heldOutLoss(model, vocabulary, corpus)) + "; model in " + out);
    }
  }

  private static BatchLoss heldOutLoss(
      TrainedModel trained, CharacterVocabulary vocabulary, Corpus corpus) {
    try (Backend backend = Devices.open(TaskPlace.host());
        SequenceModel model = trained.open(backend)) {
      return Evaluator.evaluateText(model, vocabulary.encode(corpus.heldOut()), 64, 32);
    }
  }

  private void say(RoundReport report) {
    messages.println(
        "sequor: round "
            + report.round()
            + ", step "
            + report.steps()
            + ", epoch "
            + report.epoch()
            + ": "
            + bits(report.loss())
            + String.format(
                Locale.ROOT,
                ", %.2f s of which %.2f computing",
                report.seconds(),
                report.computeSeconds()));
  }

  private static String bits(BatchLoss loss) {
    return String.format(Locale.ROOT, "%.3f bits per character", loss.meanBits());
  }

  private void score(CommandOptions options) throws IOException {
    Path model = Path.of(options.required("--model"));
    String input = options.required("--input");
    String output = options.required("--output");
    @Nullable String column = options.text("--input-col");
    @Nullable String outputs = options.text("--output-col");
    @Nullable String prediction = options.text("--prediction-col");
    @Nullable String id = options.text("--id-col");
    @Nullable String invalid = options.text("--handle-invalid");
    @Nullable String device = options.text("--device");
    options.requireAllKnown();
    SparkScorer scorer = new SparkScorer(TrainedModel.load(model));
    if (column != null) {
      scorer.setInputCol(column);
    }
    if (outputs != null) {
      scorer.setOutputCol(outputs);
    }
    if (prediction != null) {
      scorer.setPredictionCol(prediction);
    }
    if (id != null) {
      scorer.setIdCol(id);
    }
    if (invalid != null) {
      scorer.setHandleInvalid(invalid);
    }
    if (device != null) {
      scorer.setDevice(device);
    }
    try (SparkSession spark = SparkSession.builder().appName("sequor score").getOrCreate()) {
      scorer.transform(spark.read().parquet(input)).write().parquet(output);
    }
  }
}
