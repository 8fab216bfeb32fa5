package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WordVocabulary;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModelSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A training on text. */
final class TextFlags {
  private static final double NAMES_HELD_OUT = 0.05;
  private static final double TEXT_HELD_OUT = 0.1;
  private static final float CLIP = 5;
  private static final int EPOCHS = 5;
  private static final long MIN_COUNT = 2;
  private static final int WORDS = 10_000;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "Text in UTF-8 to learn (default: the names of the Unicode characters).")
  private @Nullable Path file;

  @Range("[0,)")
  @Option(
      names = "--embedding",
      paramLabel = "WIDTH",
      description = "Width of a character's learned vector; 0 for one-hot input (default: 64).")
  private @Nullable Integer embeddingWidth;

  @Option(
      names = "--tie",
      description =
          "The output layer's weights are the characters' vectors; --embedding as wide as --hidden.")
  private boolean tied;

  @Range("[1,)")
  @Option(
      names = "--new-steps",
      paramLabel = "K",
      description =
          "Steps from one update to the next; the gradient reaches back over those before as well"
              + " (default: --seq-length).")
  private @Nullable Integer newSteps;

  @Option(
      names = "--bidirectional",
      description = "Refused: a language model must not see the character it is to predict.")
  private boolean bidirectional;

  /** What a text is read as. */
  enum Units {
    CHARACTERS,
    WORDS,
    BYTES
  }

  /** The units by name. */
  static final class UnitNames extends Choice<Units> {
    UnitNames() {
      super(List.of(Units.values()), units -> units.name().toLowerCase(Locale.ROOT));
    }
  }

  @Option(
      names = "--units",
      paramLabel = "UNITS",
      converter = UnitNames.class,
      completionCandidates = UnitNames.class,
      description =
          "What to predict one after another: one of ${COMPLETION-CANDIDATES} (default:"
              + " characters); of bytes, --text may be any file.")
  private @Nullable Units units;

  @Range("[2," + WordVocabulary.MAX_SIZE + "]")
  @Option(
      names = "--vocabulary",
      paramLabel = "N",
      description =
          "Of --units words: know the N - 1 most frequent; all others are one unknown word (default:"
              + " 10000).")
  private @Nullable Integer vocabularySize;

  @Range("[1,)")
  @Option(
      names = "--min-count",
      paramLabel = "N",
      description = "Of --units words: know those that occur so often (default: 2).")
  private @Nullable Long minCount;

  /** The file; null for the names of the Unicode characters. */
  @Nullable Path file() {
    return file;
  }

  /** A new run. */
  Training.Start start(RunFlags run, ModelFlags model, UpdateFlags update) throws IOException {
    if (bidirectional) {
      throw new IllegalArgumentException(
          "--bidirectional makes no sense here: read backwards, the text shows the model the"
              + " character it is to predict; leave it out");
    }
    int embedding = Objects.requireNonNullElse(embeddingWidth, 64);
    int hiddenSize = model.hiddenSize(128);
    if (tied && embedding != hiddenSize) {
      throw new IllegalArgumentException(
          "--tie is given with --embedding "
              + embedding
              + " and --hidden "
              + hiddenSize
              + "; needed the same width of both");
    }
    int sequenceLength = run.sequenceLength(64);
    int advance = Objects.requireNonNullElse(newSteps, sequenceLength);
    if (advance > sequenceLength) {
      throw new IllegalArgumentException(
          "--new-steps is "
              + advance
              + "; of a --seq-length of "
              + sequenceLength
              + " needed at most as many");
    }
    int layers = model.layers(1);
    float dropout = model.dropout(layers, 0);
    double heldOut = run.heldOut(file == null ? NAMES_HELD_OUT : TEXT_HELD_OUT);
    boolean asBytes = units == Units.BYTES;
    requireWordsFor("--vocabulary", vocabularySize);
    requireWordsFor("--min-count", minCount);
    Corpus corpus = TextSubject.corpus(file, asBytes, heldOut, run.seed());
    Vocabulary vocabulary = HeapLimit.within(corpus.name(), () -> vocabulary(corpus));
    InputSpec input =
        embedding == 0
            ? InputSpec.oneHot(vocabulary.size())
            : tied
                ? InputSpec.tiedEmbedding(vocabulary.size(), embedding)
                : InputSpec.embedding(vocabulary.size(), embedding);
    SequenceModelSpec spec =
        SequenceModelSpec.builder(input, vocabulary.size())
            .cell(model.cell(CellType.LSTM))
            .hiddenSize(hiddenSize)
            .layers(layers)
            .dropout(dropout)
            .options(model.options())
            .build();
    Optimizer optimizer = update.optimizer(null);
    int batch = run.batchSize(32);
    TextSubject subject =
        new TextSubject(
            corpus,
            vocabulary,
            TextSubject.source(file, heldOut, corpus),
            sequenceLength,
            advance,
            batch,
            run.seed());
    long steps = run.stepsOfEpochs(subject.windows().windowsPerEpoch(), EPOCHS);
    return new Training.Start(
        subject,
        spec,
        optimizer,
        update.clipping(CLIP),
        run.run(
            subject.source(),
            sequenceLength,
            advance,
            batch,
            steps,
            update.schedule(RateSchedule.CONSTANT)),
        null);
  }

  private void requireWordsFor(String option, @Nullable Number value) {
    if (value != null && units != Units.WORDS) {
      throw new IllegalArgumentException(
          option + " is " + value + "; it is of words, so it needs --units words");
    }
  }

  private Vocabulary vocabulary(Corpus corpus) {
    return switch (Objects.requireNonNullElse(units, Units.CHARACTERS)) {
      case CHARACTERS -> corpus.vocabulary();
      case BYTES -> ByteVocabulary.BYTES;
      case WORDS ->
          WordVocabulary.of(
              corpus.training(),
              Objects.requireNonNullElse(minCount, MIN_COUNT),
              Objects.requireNonNullElse(vocabularySize, WORDS));
    };
  }
}
