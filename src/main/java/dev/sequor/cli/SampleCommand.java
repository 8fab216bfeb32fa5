package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Sampler;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes text with a trained model. */
@Command(
    name = "sample",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false,
    description = "Writes text with a trained model.")
final class SampleCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--prime",
      paramLabel = "TEXT",
      description = "Text to continue (default: a new line, which is not printed).")
  private @Nullable String prime;

  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "200",
      description = "Characters to write.")
  private int length;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "0.8",
      description = "Below 1 is more careful, above 1 more daring, 0 the likeliest each time.")
  private float temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Draw from the K likeliest characters only; 0 for all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Draw from the likeliest characters that together reach this probability.")
  private float topP;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "The same seed writes the same text.")
  private long seed;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private WeightOption weights = new WeightOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    if (length < 1) {
      throw new IllegalArgumentException("--length is " + length + "; needed at least 1");
    }
    if (prime != null && prime.isEmpty()) {
      throw new IllegalArgumentException("--prime is empty; needed at least 1 character");
    }
    WeightStorage storage = weights.storage();
    Sampling sampling = new Sampling(temperature, topK, topP, seed);
    Path from = Objects.requireNonNull(directory);
    TrainedModel trained = TrainedModel.load(from);
    CharacterVocabulary vocabulary =
        TextModel.vocabulary(from, trained.model(), trained.vocabulary());
    int[] start = prime == null ? newLine(vocabulary) : vocabulary.encode("--prime", prime);
    String text;
    try (Backend backend = device.open(console.err());
        SequenceModel model = TextModel.of(trained, backend, storage);
        Sampler sampler = new Sampler(model)) {
      text =
          Objects.requireNonNullElse(prime, "")
              + vocabulary.decode(sampler.sample(start, length, sampling));
    }
    if (!console.isJson()) {
      console.words().println(text);
    }
    console.result(Map.of("text", text));
    return 0;
  }

  /** What a text begins after: a line feed, or the model's first character where it knows none. */
  static int[] newLine(CharacterVocabulary vocabulary) {
    return new int[] {Math.max(0, vocabulary.token('\n'))};
  }
}
