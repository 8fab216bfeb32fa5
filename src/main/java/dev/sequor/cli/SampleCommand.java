package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.TextDecoder;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BeamSearch;
import dev.sequor.model.Sampler;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
    header = "Writes text with a trained model.")
final class SampleCommand implements Callable<Integer> {
  /** A token, and its character in the text, in that as it grew, and with --prime before it. */
  private static final double BYTES_PER_CHARACTER = Integer.BYTES + 3;

  /** Texts that are drawn at once; more follow one group after another. */
  private static final int SIDE_BY_SIDE = 32;

  @Parameters(paramLabel = "MODEL", description = "The directory of a trained model.")
  private @Nullable Path directory;

  @Option(
      names = "--prime",
      paramLabel = "TEXT",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "Text to continue (default: a new line, which is not printed).")
  private @Nullable String prime;

  @Option(
      names = "--random-start",
      description = "Begin with a token drawn by the seed, each as likely, instead of --prime.")
  private boolean randomStart;

  /** A text of more has no room in a Java string whatever its characters are. */
  @Range("[1,1000000000]")
  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "200",
      description = "Characters, words or bytes to write.")
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
      description = "Draw from the K likeliest tokens only; 0 for all.")
  private int topK;

  @Range("(0,1]")
  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Draw from the likeliest tokens that together reach this probability.")
  private float topP;

  @Range("[0,1]")
  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0",
      description = "Draw only tokens at least so many times as probable as the likeliest.")
  private float minP;

  @Range("[1,1000000]")
  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Above 1 makes tokens that are in the text already less likely.")
  private float repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "End before this text; with --beam, one token.")
  private @Nullable String stop;

  @Range("[1,1000]")
  @Option(
      names = "--count",
      paramLabel = "N",
      defaultValue = "1",
      description = "Texts to write, side by side; with --beam, the best of the search.")
  private int count;

  @Range("[0,100]")
  @Option(
      names = "--beam",
      paramLabel = "K",
      defaultValue = "0",
      description = "Search for the likeliest text with a beam of K instead of drawing; 0 draws.")
  private int beam;

  @Range("[0,1000]")
  @Option(
      names = "--length-penalty",
      paramLabel = "X",
      defaultValue = "0",
      description = "Of --beam: more favours longer texts.")
  private double lengthPenalty;

  @Option(names = "--stream", description = "Print one text as it is drawn.")
  private boolean stream;

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
    String size = "--length " + length + (count > 1 ? " --count " + count : "");
    HeapLimit.require(size, (double) length * count * BYTES_PER_CHARACTER);
    requireFitting();
    WeightStorage storage = weights.storage();
    Sampling sampling = new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
    Path from = Objects.requireNonNull(directory);
    TrainedModel trained = TrainedModel.load(from);
    Vocabulary vocabulary = TextModel.vocabulary(from, trained.model(), trained.data());
    int[] before = prime == null ? new int[0] : vocabulary.encode("--prime", prime);
    int[] end = stop == null ? new int[0] : vocabulary.encode("--stop", stop);
    if (beam > 0 && end.length > 1) {
      throw new IllegalArgumentException(
          "--stop has " + end.length + " " + vocabulary.unit() + "s; with --beam needed 1");
    }
    List<String> texts;
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, storage);
        Sampler sampler = TextModel.sampler(model, vocabulary, Math.min(count, SIDE_BY_SIDE))) {
      texts =
          HeapLimit.within(
              size,
              () -> {
                int[][] primes = primes(sampler, vocabulary, before);
                return beam > 0
                    ? searched(sampler, vocabulary, primes[0], end)
                    : drawn(sampler, vocabulary, primes, end, sampling);
              });
    }
    if (!console.isJson() && !stream) {
      texts.forEach(console.words()::println);
    }
    console.result(count == 1 ? Map.of("text", texts.get(0)) : Map.of("texts", texts));
    return 0;
  }

  /** Refuses options that say different things. */
  private void requireFitting() {
    if (stop != null && stop.isEmpty()) {
      throw new IllegalArgumentException("--stop is empty; needed a character at least");
    }
    if (randomStart && prime != null) {
      throw new IllegalArgumentException("--random-start and --prime were given; needed one");
    }
    if (stream && (count > 1 || beam > 0)) {
      throw new IllegalArgumentException(
          "--stream prints one text as it is drawn; needed neither --count nor --beam");
    }
    if (beam > 0 && count > beam) {
      throw new IllegalArgumentException(
          "--count is " + count + "; a --beam of " + beam + " finds at most as many");
    }
    if (beam > 0 && randomStart && count > 1) {
      throw new IllegalArgumentException(
          "--beam searches from one start; needed --count 1 with --random-start");
    }
  }

  /** What each text begins after. */
  private int[][] primes(Sampler sampler, Vocabulary vocabulary, int[] before) {
    int[][] primes = new int[count][];
    for (int i = 0; i < count; i++) {
      primes[i] = before.length == 0 ? TextModel.newLine(vocabulary) : before;
      if (randomStart) {
        primes[i] = new int[] {sampler.randomStart(seed, i)};
      }
    }
    return primes;
  }

  /** What is printed of a start. */
  private String start(Vocabulary vocabulary, int[] start) {
    return randomStart ? vocabulary.decode(start) : Objects.requireNonNullElse(prime, "");
  }

  private List<String> searched(Sampler sampler, Vocabulary vocabulary, int[] start, int[] end) {
    BeamSearch search = new BeamSearch(beam, length, lengthPenalty);
    return sampler.search(start, search, end.length == 0 ? -1 : end[0]).stream()
        .limit(count)
        .map(found -> start(vocabulary, start) + vocabulary.decode(found.tokens()))
        .toList();
  }

  private List<String> drawn(
      Sampler sampler, Vocabulary vocabulary, int[][] primes, int[] end, Sampling how) {
    List<int[]> stops = end.length == 0 ? List.of() : List.of(end);
    int[][] drawn =
        stream
            ? streamed(sampler, vocabulary, primes, stops, how)
            : sampler.sample(primes, length, stops, how);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      texts.add(start(vocabulary, primes[i]) + vocabulary.decode(drawn[i]));
    }
    return texts;
  }

  private int[][] streamed(
      Sampler sampler, Vocabulary vocabulary, int[][] primes, List<int[]> stops, Sampling how) {
    PrintWriter out = console.words();
    out.print(start(vocabulary, primes[0]));
    out.flush();
    TextDecoder decoder = vocabulary.decoder();
    int[][] drawn =
        sampler.sample(
            primes,
            length,
            stops,
            how,
            (sequence, token) -> {
              out.print(decoder.next(token));
              out.flush();
            });
    out.println(decoder.end());
    return drawn;
  }
}
