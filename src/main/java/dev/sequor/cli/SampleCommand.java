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
  /** A token, and its character in the text, in that as it grew, and with --prime before it. */
  private static final double BYTES_PER_CHARACTER = Integer.BYTES + 3;

  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--prime",
      paramLabel = "TEXT",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "Text to continue (default: a new line, which is not printed).")
  private @Nullable String prime;

  /** A text of more has no room in a Java string whatever its characters are. */
  @Range("[1,1000000000]")
  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "200",
      description = "Characters to write.")
  private int length;

  @Range("[0,)")
  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "0.8",
      description = "Below 1 is more careful, above 1 more daring, 0 the likeliest each time.")
  private float temperature;

  @Range("[0,)")
  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Draw from the K likeliest characters only; 0 for all.")
  private int topK;

  @Range("(0,1]")
  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Draw from the likeliest characters that together reach this probability.")
  private float topP;

  @Range("(,)")
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
    HeapLimit.require("--length " + length, length * BYTES_PER_CHARACTER);
    WeightStorage storage = weights.storage();
    Sampling sampling = new Sampling(temperature, topK, topP, seed);
    Path from = Objects.requireNonNull(directory);
    TrainedModel trained = TrainedModel.load(from);
    CharacterVocabulary vocabulary =
        TextModel.vocabulary(from, trained.model(), trained.vocabulary());
    String before = Objects.requireNonNullElse(prime, "");
    int[] start = before.isEmpty() ? newLine(vocabulary) : vocabulary.encode("--prime", before);
    String text;
    try (Backend backend = device.open(console.err());
        SequenceModel model = TextModel.of(trained, backend, storage);
        Sampler sampler = new Sampler(model)) {
      text =
          HeapLimit.within(
              "--length " + length,
              () -> before + vocabulary.decode(sampler.sample(start, length, sampling)));
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
