package dev.sequor.cli;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.TextFile;
import dev.sequor.data.TokenStreams;
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
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A text, whose every character is to be predicted from those before it. */
final class TextSubject implements Subject {
  private static final Measure MEASURE = new Measure("character", true);
  private static final int WATCHED_CHARACTERS = 32_768;
  private static final int CHECKED_CHARACTERS = 513;
  private static final float SAMPLE_TEMPERATURE = 0.8f;
  private static final int SAMPLED_NAMES = 5;
  private static final int SAMPLED_CHARACTERS = 300;

  private final Corpus corpus;
  private final CharacterVocabulary vocabulary;
  private final DataSource.Text source;
  private final int[] heldOut;
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
      CharacterVocabulary vocabulary,
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
    requireEnoughText();
    this.heldOut = vocabulary.encode(corpus.name(), corpus.heldOut());
    this.streams =
        new TokenStreams(
            vocabulary.encode(corpus.name(), corpus.training()),
            batchSize,
            sequenceLength,
            newSteps);
  }

  /** The text that {@code source} says, or the one in {@code file} if that is given. */
  static TextSubject resumed(
      Path directory,
      CharacterVocabulary vocabulary,
      TrainingRun run,
      DataSource.Text source,
      @Nullable Path file)
      throws IOException {
    Path from = file != null || source.file().isEmpty() ? file : JavaLocale.path(source.file());
    Corpus corpus = corpus(from, source.heldOutFraction(), run.seed());
    if (!corpus.fingerprint().equals(source.sha256())) {
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
        corpus,
        vocabulary,
        source(from, source.heldOutFraction(), corpus),
        run.sequenceLength(),
        run.newSteps(),
        run.batchSize(),
        run.seed());
  }

  /**
   * A text in two parts.
   *
   * @param file null for the names of the Unicode characters
   * @param heldOut the part that training never sees
   */
  static Corpus corpus(@Nullable Path file, double heldOut, long seed) throws IOException {
    return file == null
        ? Corpus.ofUnicodeNames(seed, heldOut)
        : HeapLimit.within(
            file.toString(), () -> Corpus.ofText(file.toString(), TextFile.read(file), heldOut));
  }

  /** Where {@code corpus} is from. */
  static DataSource.Text source(@Nullable Path file, double heldOut, Corpus corpus) {
    return new DataSource.Text(
        file == null ? "" : file.toAbsolutePath().normalize().toString(),
        heldOut,
        corpus.fingerprint());
  }

  private void requireEnoughText() {
    int characters = characters(corpus.training());
    if (characters <= sequenceLength) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %d characters are left to train on; one sequence of --seq-length %d needs %d",
              corpus.name(),
              characters,
              sequenceLength,
              sequenceLength + 1L));
    }
    int most = (characters - 1) / sequenceLength;
    if (batchSize > most) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "--batch is %d; the %d characters that %s leaves to train on are enough for at most"
                  + " %d sequences of --seq-length %d",
              batchSize,
              characters,
              corpus.name(),
              most,
              sequenceLength));
    }
  }

  private static int characters(String text) {
    return text.codePointCount(0, text.length());
  }

  @Override
  public String name() {
    return corpus.name();
  }

  @Override
  public String shortName() {
    return source.file().isEmpty() ? "names" : String.valueOf(Path.of(source.file()).getFileName());
  }

  @Override
  public String heldOutName() {
    return "held-out text";
  }

  @Override
  public CharacterVocabulary vocabulary() {
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
    return MEASURE;
  }

  @Override
  public BatchLoss judge(SequenceModel model, Effort effort) {
    int characters =
        switch (effort) {
          case CHECK -> CHECKED_CHARACTERS;
          case WATCH -> WATCHED_CHARACTERS;
          case ALL -> heldOut.length;
        };
    return TextModel.evaluate(model, Arrays.copyOf(heldOut, Math.min(heldOut.length, characters)));
  }

  @Override
  public String size() {
    return String.format(
        Locale.ROOT,
        "%,d characters to learn, %,d held out, %d different",
        characters(corpus.training()),
        characters(corpus.heldOut()),
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
  private String sample(SequenceModel model) {
    try (Sampler sampler = new Sampler(model)) {
      return vocabulary.decode(
          sampler.sample(
              SampleCommand.newLine(vocabulary),
              SAMPLED_CHARACTERS,
              Sampling.ofTemperature(SAMPLE_TEMPERATURE, seed)));
    }
  }

  @Override
  public String use() {
    return "write more with: sequor sample";
  }

  @Override
  public void close() {}
}
