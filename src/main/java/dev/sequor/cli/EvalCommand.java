package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.DataSource;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.SequenceModel;
import dev.sequor.task.Task;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Judges a trained model by data that it has not learned. */
@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Judges a trained model by data that it has not learned.",
    description =
        "One of text needs --text: how well it predicts each character, word or byte from those"
            + " before it, in bits for each of them, and perplexity (2 to that power). A text with a"
            + " character that a model of characters does not know is refused; words that a model"
            + " does not know are all one to it. One of a table needs --csv: of the table that it"
            + " learned from the held-out rows judge it, of another one all. One of a task is judged"
            + " by examples that no training sees.")
final class EvalCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "Text in UTF-8; for a model of bytes any file; - for standard input.")
  private @Nullable Path textFile;

  @Mixin private CsvOptions csv = new CsvOptions();

  @Range("[1,100000000]")
  @Option(
      names = "--examples",
      paramLabel = "N",
      description = "Examples to judge a task by (default: 1000).")
  private @Nullable Integer examples;

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Which examples of a task (default: 1).")
  private @Nullable Long seed;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private WeightOption weights = new WeightOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    WeightStorage storage = weights.storage();
    Path from = Objects.requireNonNull(directory);
    TrainedModel trained = TrainedModel.load(from);
    // Of a text nothing more is needed, whatever became of the training state.
    DataSource source = trained.data() instanceof Vocabulary ? null : Checkpoint.source(from);
    if (trained.data() instanceof TableSpec spec) {
      String model = from + ": a model of a table";
      requireNot("--text", textFile, model);
      requireNot("--examples", examples, model);
      requireNot("--seed", seed, model);
      if (!csv.isGiven()) {
        throw new IllegalArgumentException(model + "; needed --csv FILE");
      }
      judgeTable(spec, source, trained, storage);
    } else if (source instanceof DataSource.Task task) {
      requireNot("--text", textFile, from + ": a model of " + source.name());
      requireNot("--csv", csv.file(), from + ": a model of " + source.name());
      judge(TaskSubject.task(from, task), trained, storage);
    } else {
      requireNot("--csv", csv.file(), from + ": a model of text");
      requireNot("--examples", examples, from + ": a model of text");
      requireNot("--seed", seed, from + ": a model of text");
      judgeText(from, trained, storage);
    }
    return 0;
  }

  private static void requireNot(String option, @Nullable Object value, String model) {
    if (value != null) {
      throw new IllegalArgumentException(model + "; needed without " + option);
    }
  }

  /** By what the table holds out, if it is the one that was learned from; else by all of it. */
  private void judgeTable(
      TableSpec spec, @Nullable DataSource learned, TrainedModel trained, WeightStorage storage)
      throws IOException {
    TableSubject.Rows rows = csv.read(learned, console.inputs());
    boolean same =
        learned instanceof DataSource.Table table && table.sha256().equals(rows.source().sha256());
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    result.put("heldOutRowsOnly", same);
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, storage)) {
      TableSubject.show(spec, rows.table(), same, model, console.words(), result);
    }
    console.words().flush();
    console.result(result);
  }

  private void judge(Task task, TrainedModel trained, WeightStorage storage) {
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, storage)) {
      TaskSubject.show(
          task,
          model,
          Objects.requireNonNullElse(examples, TaskSubject.JUDGED_EXAMPLES),
          Objects.requireNonNullElse(seed, 1L),
          console.words(),
          result);
    }
    console.words().flush();
    console.result(result);
  }

  private void judgeText(Path from, TrainedModel trained, WeightStorage storage)
      throws IOException {
    Vocabulary vocabulary = TextModel.vocabulary(from, trained.model(), trained.data());
    if (textFile == null) {
      throw new IllegalArgumentException(from + ": a model of text; needed --text FILE");
    }
    InputFile file = console.inputs().file(textFile);
    Tokens tokens = TextSubject.tokens(file, vocabulary);
    if (tokens.size() < 2) {
      throw new IllegalArgumentException(
          file.name()
              + ": holds 1 "
              + vocabulary.unit()
              + "; needed at least 2, one to see and one to predict");
    }
    BatchLoss loss;
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, storage)) {
      loss = TextModel.evaluate(model, tokens);
    }
    if (!Double.isFinite(loss.meanBits())) {
      throw new IllegalArgumentException(
          from
              + ": the model loses "
              + loss.meanBits()
              + " bits per "
              + vocabulary.unit()
              + " on "
              + file.name()
              + "; its weights are spoilt");
    }
    String unit = vocabulary.unit();
    long unknown = TextModel.unknown(vocabulary, tokens);
    if (!console.isJson()) {
      console
          .words()
          .printf(
              Locale.ROOT,
              "%.4f bits per %s, perplexity %.3f, over %,d %ss%s%n",
              loss.meanBits(),
              unit,
              loss.perplexity(),
              loss.predictions(),
              unit,
              vocabulary.unknown() < 0
                  ? ""
                  : String.format(Locale.ROOT, " (%,d of the text unknown)", unknown));
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put(new Measure(unit, true).key(""), loss.meanBits());
    result.put("perplexity", loss.perplexity());
    result.put(unit + "s", loss.predictions());
    if (vocabulary.unknown() >= 0) {
      result.put("unknown", unknown);
    }
    console.result(result);
  }
}
