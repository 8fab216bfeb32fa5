package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WordVocabulary;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.OutputClusters;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModelSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A training on text. */
final class TextFlags {
  private static final double NAMES_HELD_OUT = 0.05;
  private static final double TEXT_HELD_OUT = 0.1;
  private static final float CLIP = 5;
  private static final int EPOCHS = 5;
  private static final String CHARACTERS = "characters";
  private static final String WORDS = "words";
  private static final String BYTES = "bytes";

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Text in UTF-8 to learn; - for standard input (default: the names of the Unicode"
              + " characters).")
  private @Nullable Path file;

  /** The units by name. */
  static final class Units extends Choice<String> {
    Units() {
      super(List.of(CHARACTERS, WORDS, BYTES), Function.identity());
    }
  }

  @Option(
      names = "--units",
      paramLabel = "UNIT",
      defaultValue = CHARACTERS,
      converter = Units.class,
      completionCandidates = Units.class,
      description =
          "What a text is read and written in, one of ${COMPLETION-CANDIDATES}; bytes may be those"
              + " of any file.")
  private String units = CHARACTERS;

  @Range("[2," + WordVocabulary.MAX_SIZE + "]")
  @Option(
      names = "--vocabulary",
      paramLabel = "N",
      description =
          "Of words so many, the most frequent; all others are one unknown word (default: 10000).")
  private @Nullable Integer vocabularySize;

  @Range("[1,)")
  @Option(
      names = "--min-count",
      paramLabel = "N",
      description = "Words that the text has fewer times are unknown (default: 2).")
  private @Nullable Integer minCount;

  @Range("[0,)")
  @Option(
      names = "--embedding",
      paramLabel = "WIDTH",
      description =
          "Width of the learned vector of a character, word or byte; 0 for one-hot input (default: 64).")
  private @Nullable Integer embeddingWidth;

  @Option(
      names = "--tie",
      description =
          "The output layer's weights are those vectors; --embedding as wide as --hidden.")
  private boolean tied;

  @Option(
      names = "--cutoffs",
      paramLabel = "N[,N…]",
      converter = Cutoffs.class,
      description =
          "An adaptive softmax, for tens of thousands of words: the rarer ones, from each of these"
              + " ranks on, are told apart by a quarter of the features of those before.")
  private @Nullable OutputClusters clusters;

  @Option(
      names = "--learned-start",
      description = "Streams begin from a state that is learned, and not from zero.")
  private boolean learnedStart;

  @Range("[1,)")
  @Option(
      names = "--new-steps",
      paramLabel = "K",
      description =
          "Steps from one update to the next; the gradient reaches back over those before as well"
              + " (default: --seq-length).")
  private @Nullable Integer newSteps;

  /** The file; null for the names of the Unicode characters. */
  @Nullable Path file() {
    return file;
  }

  /** A new run. */
  Training.Start start(RunFlags run, ModelFlags model, UpdateFlags update, Inputs inputs)
      throws IOException {
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
    InputFile from = file == null ? null : inputs.file(file);
    Corpus corpus = TextSubject.corpus(from, units.equals(BYTES), heldOut, run.seed());
    Vocabulary vocabulary = vocabulary(corpus);
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
            .learnedInitialState(learnedStart)
            .clusters(Objects.requireNonNullElse(clusters, OutputClusters.NONE))
            .build();
    Optimizer optimizer = update.optimizer(null);
    int batch = run.batchSize(32);
    TextSubject subject =
        new TextSubject(
            corpus,
            vocabulary,
            TextSubject.source(from, heldOut, corpus),
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

  private Vocabulary vocabulary(Corpus corpus) throws IOException {
    if (!units.equals(WORDS) && (vocabularySize != null || minCount != null)) {
      throw new IllegalArgumentException(
          (vocabularySize != null
                  ? "--vocabulary is " + vocabularySize
                  : "--min-count is " + minCount)
              + "; it is of words, so it needs --units words");
    }
    return switch (units) {
      case BYTES -> ByteVocabulary.BYTES;
      case WORDS ->
          HeapLimit.within(
              "the words of " + corpus.name(),
              () ->
                  WordVocabulary.of(
                      corpus.training(),
                      Objects.requireNonNullElse(minCount, 2),
                      Objects.requireNonNullElse(vocabularySize, 10_000)));
      default -> corpus.vocabulary();
    };
  }
}
