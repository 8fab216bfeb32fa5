package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.TextFile;
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
      "Prints how well a trained model predicts each character of a text from those before it:",
      "bits per character, and perplexity (2 to that power). A text with a character that the",
      "model does not know is refused."
    })
final class EvalCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      required = true,
      preprocessor = Verbatim.class,
      description = "Text in UTF-8.")
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
    CharacterVocabulary vocabulary =
        TextModel.vocabulary(from, trained.model(), trained.vocabulary());
    int[] tokens =
        HeapLimit.within(
            file.toString(), () -> vocabulary.encode(file.toString(), TextFile.read(file)));
    if (tokens.length < 2) {
      throw new IllegalArgumentException(
          file + ": holds 1 character; needed at least 2, one to see and one to predict");
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
              + " bits per character on "
              + file
              + "; its weights are spoilt");
    }
    if (!console.isJson()) {
      console
          .words()
          .printf(
              Locale.ROOT,
              "%.4f bits per character, perplexity %.3f, over %,d characters%n",
              loss.meanBits(),
              loss.perplexity(),
              loss.predictions());
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("bitsPerCharacter", loss.meanBits());
    result.put("perplexity", loss.perplexity());
    result.put("characters", loss.predictions());
    console.result(result);
    return 0;
  }
}
