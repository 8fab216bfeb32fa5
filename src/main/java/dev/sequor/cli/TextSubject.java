package dev.sequor.cli;

import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WindowSource;
import dev.sequor.io.DataSource;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Sampler;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A text, whose every character, word or byte is to be predicted from those before it. */
final class TextSubject implements Subject {
  private static final int WATCHED_TOKENS = 32_768;
  private static final int CHECKED_TOKENS = 513;
  private static final float SAMPLE_TEMPERATURE = 0.8f;
  private static final int SAMPLED_NAMES = 5;
  private static final int SAMPLED_TOKENS = 300;

  private final Corpus corpus;
  private final Vocabulary vocabulary;
  private final DataSource.Text source;
  private final Tokens training;
  private final Tokens heldOut;
  private final Measure measure;
  private final int sequenceLength;
  private final int newSteps;
  private final int batchSize;
  private final TokenStreams streams;
  private final long seed;

  /**
   * Cuts a text into streams.
   *
   * @param vocabulary of the model
   * @throws IllegalArgumentException if it has too few characters for them, or one that the model
   *     does not know
   */
  TextSubject(
      Corpus corpus,
      Vocabulary vocabulary,
      DataSource.Text source,
      int sequenceLength,
      int newSteps,
      int batchSize,
      long seed) {
    this.corpus = corpus;
    this.vocabulary = vocabulary;
    this.source = source;
    this.sequenceLength = sequenceLength;
    this.newSteps = newSteps;
    this.batchSize = batchSize;
    this.seed = seed;
    this.measure = Measure.of(vocabulary);
    this.training = vocabulary.encode(corpus.training());
    requireEnoughText();
    this.heldOut = vocabulary.encode(corpus.heldOut());
    if (heldOut.size() < 2) {
      throw new IllegalArgumentException(
          corpus.name()
              + ": the held-out part has 1 "
              + vocabulary.unit()
              + "; needed at least 2, one to see and one to predict");
    }
    this.streams = new TokenStreams(training, batchSize, sequenceLength, newSteps);
  }

  /** The text that {@code source} says, or the one in {@code file} if that is given. */
  static TextSubject resumed(
      Path directory,
      Vocabulary vocabulary,
      TrainingRun run,
      DataSource.Text source,
      @Nullable Path file,
      Inputs inputs)
      throws IOException {
    InputFile from =
        file != null
            ? inputs.file(file)
            : source.file().isEmpty()
                ? null
                : inputs.file(Inputs.stored(directory, "--text", source.file()));
    Corpus corpus =
        corpus(from, vocabulary instanceof ByteVocabulary, source.heldOutFraction(), run.seed());
    DataSource.Text now = source(from, source.heldOutFraction(), corpus);
    if (!now.sha256().equals(source.sha256())) {
      throw new IllegalArgumentException(
          corpus.name()
              + ": not the text that "
              + directory
              + " was trained on, so the run cannot go on"
              + (source.file().isEmpty()
                  ? "; it was another Java version's list of Unicode names"
                  : ""));
    }
    return new TextSubject(
        corpus, vocabulary, now, run.sequenceLength(), run.newSteps(), run.batchSize(), run.seed());
  }

  /**
   * A text in two parts.
   *
   * @param file null for the names of the Unicode characters
   * @param asBytes whether a file's bytes are wanted and not its characters
   * @param heldOut the part that training never sees
   */
  static Corpus corpus(@Nullable InputFile file, boolean asBytes, double heldOut, long seed)
      throws IOException {
    return file == null
        ? Corpus.ofUnicodeNames(seed, heldOut)
        : HeapLimit.within(file.name(), () -> Corpus.of(text(file, asBytes), heldOut));
  }

  /** The text of a file, or its bytes. */
  static Text text(InputFile file, boolean asBytes) {
    return asBytes ? Text.ofBytes(file.path(), file.name()) : Text.ofFile(file.path(), file.name());
  }

  /** All of a file, as a model of this vocabulary reads it. */
  static Tokens tokens(InputFile file, Vocabulary vocabulary) throws IOException {
    return HeapLimit.within(
        file.name(), () -> vocabulary.encode(text(file, vocabulary instanceof ByteVocabulary)));
  }

  /** Where {@code corpus} is from. */
  static DataSource.Text source(@Nullable InputFile file, double heldOut, Corpus corpus) {
    return new DataSource.Text(file == null ? "" : file.stored(), heldOut, corpus.fingerprint());
  }

  private void requireEnoughText() {
    long tokens = training.size();
    if (tokens <= sequenceLength) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %d %s are left to train on; one sequence of --seq-length %d needs %d",
              corpus.name(),
              tokens,
              measure.nouns(),
              sequenceLength,
              sequenceLength + 1L));
    }
    long most = (tokens - 1) / sequenceLength;
    if (batchSize > most) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "--batch is %d; the %d %s that %s leaves to train on are enough for at most"
                  + " %d sequences of --seq-length %d",
              batchSize,
              tokens,
              measure.nouns(),
              corpus.name(),
              most,
              sequenceLength));
    }
  }

  @Override
  public String name() {
    return corpus.name();
  }

  @Override
  public String shortName() {
    return source.file().isEmpty() ? "names" : Inputs.shortName(source.file());
  }

  @Override
  public String heldOutName() {
    return "held-out text";
  }

  @Override
  public Vocabulary data() {
    return vocabulary;
  }

  @Override
  public DataSource source() {
    return source;
  }

  @Override
  public WindowSource windows() {
    return streams;
  }

  @Override
  public long learnedInOneStep() {
    return (long) batchSize * newSteps;
  }

  @Override
  public Measure measure() {
    return measure;
  }

  @Override
  public BatchLoss judge(SequenceModel model, Effort effort) {
    long tokens =
        switch (effort) {
          case CHECK -> CHECKED_TOKENS;
          case WATCH -> WATCHED_TOKENS;
          case ALL -> heldOut.size();
        };
    return TextModel.evaluate(model, heldOut.slice(0, Math.min(heldOut.size(), tokens)));
  }

  @Override
  public String size() {
    return String.format(
        Locale.ROOT,
        "%,d %s to learn, %,d held out, %d different",
        training.size(),
        measure.nouns(),
        heldOut.size(),
        vocabulary.size());
  }

  @Override
  public void show(SequenceModel model, PrintWriter words, Map<String, @Nullable Object> result) {
    String text = sample(model);
    if (!source.file().isEmpty()) {
      words.println("a sample:");
      text.lines().forEach(line -> words.println("  " + line));
      return;
    }
    words.println(SAMPLED_NAMES + " sampled names:");
    // The last line of a sample is cut off, so it is left out unless it is all there is.
    int end = text.lastIndexOf('\n');
    (end < 0 ? text : text.substring(0, end))
        .lines()
        .filter(line -> !line.isBlank())
        .limit(SAMPLED_NAMES)
        .forEach(line -> words.println("  " + line));
  }

  /** Text that begins a line. */
  @Override
  public String sample(SequenceModel model) {
    try (Sampler sampler = TextModel.sampler(model, vocabulary, 1)) {
      return vocabulary.decode(
          sampler.sample(
              TextModel.newLine(vocabulary),
              SAMPLED_TOKENS,
              Sampling.ofTemperature(SAMPLE_TEMPERATURE, seed)));
    }
  }

  @Override
  public String use() {
    return "write more with: sequor sample";
  }
}
