package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Text;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.SequenceModel;
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

/** Judges a trained model by how well it predicts a text. */
@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Prints how well a trained model predicts each character, word or byte of a text from those",
      "before it: bits for each of them, and perplexity (2 to that power). A text with a character",
      "that a model of characters does not know is refused; words that a model does not know are",
      "all one to it."
    })
final class EvalCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      required = true,
      preprocessor = Verbatim.class,
      description = "Text in UTF-8; for a model of bytes any file.")
  private @Nullable Path textFile;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private WeightOption weights = new WeightOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    WeightStorage storage = weights.storage();
    Path file = Objects.requireNonNull(textFile);
    Path from = Objects.requireNonNull(directory);
    TrainedModel trained = TrainedModel.load(from);
    Vocabulary vocabulary = TextModel.vocabulary(from, trained.model(), trained.data());
    Tokens tokens =
        HeapLimit.within(file.toString(), () -> vocabulary.encode(text(vocabulary, file)));
    if (tokens.size() < 2) {
      throw new IllegalArgumentException(
          file
              + ": holds 1 "
              + vocabulary.unit()
              + "; needed at least 2, one to see and one to predict");
    }
    BatchLoss loss;
    try (Backend backend = device.open(console.err());
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
              + file
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
    result.put(
        "bitsPer" + unit.substring(0, 1).toUpperCase(Locale.ROOT) + unit.substring(1),
        loss.meanBits());
    result.put("perplexity", loss.perplexity());
    result.put(unit + "s", loss.predictions());
    if (vocabulary.unknown() >= 0) {
      result.put("unknown", unknown);
    }
    console.result(result);
    return 0;
  }

  /** The text of a file, or its bytes where the model reads those. */
  private static Text text(Vocabulary vocabulary, Path file) {
    return vocabulary instanceof ByteVocabulary ? Text.ofBytes(file) : Text.ofFile(file);
  }
}
