package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.UpdateRule;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.InaccessibleFileException;
import dev.sequor.io.ModelDirectory;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerSnapshot;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains a character language model, or goes on with one. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false,
    description = {
      "Trains a model that predicts each character of a text from those before it. Without --text",
      "it learns the names of the Unicode characters, which every Java carries.",
      ""
    })
final class TrainCommand implements Callable<Integer> {
  private static final double NAMES_HELD_OUT = 0.05;
  private static final double TEXT_HELD_OUT = 0.1;
  private static final float SGD_MOMENTUM = 0.9f;
  private static final float ADAMW_WEIGHT_DECAY = 0.01f;
  private static final float SAMPLE_TEMPERATURE = 0.8f;
  private static final int SAMPLED_NAMES = 5;
  private static final int SAMPLED_CHARACTERS = 300;
  private static final String PLOT = "loss.png";

  /** Where a stopped run goes on, these may differ; all else is the checkpoint's. */
  private static final Set<String> WITH_RESUME =
      Set.of(
          "--resume",
          "--epochs",
          "--steps",
          "--text",
          "--device",
          "--checkpoint-every",
          "--quiet",
          "--json");

  /** More than any device makes in a human life; their products with sizes still fit a long. */
  private static final String STEPS = "[1,1000000000000]";

  private static final long MAX_STEPS = 1_000_000_000_000L;

  /** The cells by name. */
  static final class Cells extends Choice<CellType> {
    Cells() {
      super(List.of(CellType.values()), CellType::id);
    }
  }

  /** The update rules by name. */
  static final class Rules extends Choice<UpdateRule> {
    Rules() {
      super(
          List.of(
              UpdateRule.ADAGRAD,
              UpdateRule.ADAM,
              UpdateRule.ADAMW,
              UpdateRule.CENTERED_RMSPROP,
              UpdateRule.LION,
              UpdateRule.NESTEROV,
              UpdateRule.RMSPROP,
              UpdateRule.SGD),
          rule -> rule.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
  }

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "Text in UTF-8 to learn (default: the names of the Unicode characters).")
  private @Nullable Path textFile;

  @Range("(0,1)")
  @Option(
      names = "--held-out",
      paramLabel = "FRACTION",
      description =
          "Part of the text that training never sees: its end, or so many of the shuffled names"
              + " (default: 0.1 of a text, 0.05 of the names).")
  private @Nullable Double heldOut;

  @Option(
      names = "--cell",
      paramLabel = "CELL",
      defaultValue = "lstm",
      converter = Cells.class,
      completionCandidates = Cells.class,
      description = "One of ${COMPLETION-CANDIDATES}.")
  private CellType cell = CellType.LSTM;

  @Range("[1,)")
  @Option(
      names = "--hidden",
      paramLabel = "H",
      defaultValue = "128",
      description = "Units of a recurrent layer.")
  private int hiddenSize;

  @Range("[1," + SequenceModelSpec.MAX_LAYERS + "]")
  @Option(
      names = "--layers",
      paramLabel = "L",
      defaultValue = "1",
      description = "Recurrent layers.")
  private int layers;

  @Option(
      names = "--bidirectional",
      description = "Refused: a language model must not see the character it is to predict.")
  private boolean bidirectional;

  @Range("[0,)")
  @Option(
      names = "--embedding",
      paramLabel = "WIDTH",
      defaultValue = "64",
      description = "Width of a character's learned vector; 0 for one-hot input.")
  private int embeddingWidth;

  @Option(
      names = "--tie",
      description =
          "The output layer's weights are the characters' vectors; --embedding as wide as --hidden.")
  private boolean tied;

  @Range("[1,)")
  @Option(
      names = "--seq-length",
      paramLabel = "T",
      defaultValue = "64",
      description = "Steps that a gradient reaches back.")
  private int sequenceLength;

  @Range("[1,)")
  @Option(
      names = "--new-steps",
      paramLabel = "K",
      description =
          "Steps from one update to the next; the gradient reaches back over those before as well"
              + " (default: --seq-length).")
  private @Nullable Integer newSteps;

  @Range("[1,)")
  @Option(
      names = "--batch",
      paramLabel = "B",
      defaultValue = "32",
      description = "Parts of the text that are read side by side.")
  private int batchSize;

  @Range(STEPS)
  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "5",
      description = "Times to read the text.")
  private long epochs;

  @Range(STEPS)
  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Updates to make, whatever --epochs says.")
  private @Nullable Long steps;

  @Range("(0,)")
  @Option(
      names = "--lr",
      paramLabel = "RATE",
      description =
          "Learning rate (default: 0.002; for sgd and nesterov 0.2, adagrad 0.02, lion 0.0005).")
  private @Nullable Float learningRate;

  @Option(
      names = "--optimizer",
      paramLabel = "RULE",
      defaultValue = "adam",
      converter = Rules.class,
      completionCandidates = Rules.class,
      description =
          "One of ${COMPLETION-CANDIDATES}; adamw and lion with a weight decay of 0.01, nesterov,"
              + " centered-rmsprop and sgd with a momentum of 0.9.")
  private UpdateRule optimizer = UpdateRule.ADAM;

  @Range("[0,)")
  @Option(
      names = "--clip",
      paramLabel = "NORM",
      defaultValue = "5",
      description = "Largest norm of the gradient; 0 for no bound.")
  private float clip;

  @Range("[0,1)")
  @Option(
      names = "--dropout",
      paramLabel = "P",
      defaultValue = "0",
      description = "Probability of dropping a value between recurrent layers.")
  private float dropout;

  @Mixin private CellOptionFlags cellOptions = new CellOptionFlags();

  @Mixin private DeviceOption device = new DeviceOption();

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "Key of initial weights, order of the names, and dropout.")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      preprocessor = Verbatim.class,
      description = "New or empty directory for the model (default: a new one under sequor-out).")
  private @Nullable Path out;

  @Option(
      names = "--resume",
      paramLabel = "DIR",
      preprocessor = Verbatim.class,
      description = "Go on with a run where its checkpoint stands; --epochs or --steps extend it.")
  private @Nullable Path resume;

  @Range(STEPS)
  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "500",
      description = "Steps from one checkpoint to the next.")
  private long checkpointInterval;

  @Option(names = "--quiet", description = "No progress.")
  private boolean quiet;

  @Mixin private Console console = new Console();

  @Spec private @Nullable CommandSpec spec;

  /** All that a run starts from, but for the directory. */
  private record Start(
      Corpus corpus,
      Vocabulary vocabulary,
      ModelSpec model,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run,
      @Nullable TrainerSnapshot snapshot) {

    boolean isNames() {
      return run.textFile().isEmpty();
    }

    /** The model in a few words. */
    String modelInWords() {
      return model instanceof SequenceModelSpec usual
          ? usual.stack().cell().id() + " " + usual.stack().hiddenSize()
          : String.format(
              Locale.ROOT,
              "a network of %,d weights",
              model.network().layout().trainableElements());
    }
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter notes = console.err();
    if (resume == null) {
      Start start = fresh();
      try (Interruption interruption = new Interruption();
          Backend backend = DeviceOption.open(start.run().device(), notes)) {
        return train(start, null, backend, interruption);
      }
    }
    requireOptionsOfResume();
    // Held before anything is read, so that what is read is still there when it is gone on from.
    try (ModelDirectory directory = ModelDirectory.open(resume)) {
      Start start = resumed(directory.path());
      try (Interruption interruption = new Interruption();
          Backend backend = DeviceOption.open(start.run().device(), notes)) {
        return train(start, directory, backend, interruption);
      }
    }
  }

  private Start fresh() throws IOException {
    if (bidirectional) {
      throw new IllegalArgumentException(
          "--bidirectional makes no sense here: read backwards, the text shows the model the"
              + " character it is to predict; leave it out");
    }
    if (tied && embeddingWidth != hiddenSize) {
      throw new IllegalArgumentException(
          "--tie is given with --embedding "
              + embeddingWidth
              + " and --hidden "
              + hiddenSize
              + "; needed the same width of both");
    }
    if (newSteps != null && newSteps > sequenceLength) {
      throw new IllegalArgumentException(
          "--new-steps is "
              + newSteps
              + "; of a --seq-length of "
              + sequenceLength
              + " needed at most as many");
    }
    if (dropout > 0 && layers == 1) {
      throw new IllegalArgumentException(
          "--dropout is "
              + dropout
              + " with --layers 1; it acts between recurrent layers, so it needs at least 2");
    }
    Corpus corpus =
        corpus(
            textFile,
            Objects.requireNonNullElse(heldOut, textFile == null ? NAMES_HELD_OUT : TEXT_HELD_OUT));
    Vocabulary vocabulary = corpus.vocabulary();
    InputSpec input =
        embeddingWidth == 0
            ? InputSpec.oneHot(vocabulary.size())
            : tied
                ? InputSpec.tiedEmbedding(vocabulary.size(), embeddingWidth)
                : InputSpec.embedding(vocabulary.size(), embeddingWidth);
    SequenceModelSpec model =
        SequenceModelSpec.builder(input, vocabulary.size())
            .cell(cell)
            .hiddenSize(hiddenSize)
            .layers(layers)
            .dropout(dropout)
            .options(cellOptions.options())
            .build();
    requireEnoughText(corpus);
    TrainingRun run =
        new TrainingRun(
            textFile == null ? "" : textFile.toAbsolutePath().normalize().toString(),
            Objects.requireNonNullElse(heldOut, textFile == null ? NAMES_HELD_OUT : TEXT_HELD_OUT),
            corpus.fingerprint(),
            sequenceLength,
            Objects.requireNonNullElse(newSteps, sequenceLength),
            batchSize,
            seed,
            steps == null
                ? stepsOfEpochs(
                    corpus, batchSize, Objects.requireNonNullElse(newSteps, sequenceLength))
                : steps,
            checkpointInterval,
            device.orElse("auto"),
            "",
            new TrainingRun.Curve(List.of(), List.of()));
    if (out == null) {
      defaultParent();
    } else {
      ModelDirectory.requireVacant(out);
    }
    return new Start(
        corpus, vocabulary, model, optimizer(), Clipping.byGlobalNorm(clip), run, null);
  }

  private Corpus corpus(@Nullable Path file, double fraction) throws IOException {
    return file == null
        ? Corpus.ofUnicodeNames(seed, fraction)
        : HeapLimit.within(file.toString(), () -> Corpus.of(Text.ofFile(file), fraction));
  }

  private long stepsOfEpochs(Corpus corpus, int batchSize, int newSteps) {
    long characters = corpus.training().characters();
    long windows = TokenStreams.windowsPerEpoch(characters, batchSize, newSteps);
    if (windows > 0 && epochs > MAX_STEPS / windows) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "--epochs is %d; of %d steps each needed at most %d, which make %d steps",
              epochs,
              windows,
              MAX_STEPS / windows,
              MAX_STEPS / windows * windows));
    }
    return epochs * windows;
  }

  private void requireEnoughText(Corpus corpus) {
    long characters = corpus.training().characters();
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
    long most = (characters - 1) / sequenceLength;
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

  private Optimizer optimizer() {
    return switch (optimizer) {
      case ADAM -> Optimizer.adam(Objects.requireNonNullElse(learningRate, 0.002f));
      case ADAMW ->
          Optimizer.adamw(Objects.requireNonNullElse(learningRate, 0.002f), ADAMW_WEIGHT_DECAY);
      case RMSPROP -> Optimizer.rmsprop(Objects.requireNonNullElse(learningRate, 0.002f));
      case CENTERED_RMSPROP ->
          Optimizer.centeredRmsprop(Objects.requireNonNullElse(learningRate, 0.002f), SGD_MOMENTUM);
      case ADAGRAD -> Optimizer.adagrad(Objects.requireNonNullElse(learningRate, 0.02f));
      case LION ->
          Optimizer.lion(Objects.requireNonNullElse(learningRate, 0.0005f), ADAMW_WEIGHT_DECAY);
      case NESTEROV ->
          Optimizer.nesterov(Objects.requireNonNullElse(learningRate, 0.2f), SGD_MOMENTUM);
      case SGD -> Optimizer.sgd(Objects.requireNonNullElse(learningRate, 0.2f), SGD_MOMENTUM);
    };
  }

  /** Where a new model goes: made, and held until it is closed. */
  private ModelDirectory newDirectory() throws IOException {
    try {
      if (out != null) {
        return ModelDirectory.create(out);
      }
      String name =
          (textFile == null ? "names" : String.valueOf(textFile.getFileName()))
              + "-"
              + cell.id()
              + "-"
              + hiddenSize;
      return ModelDirectory.createNew(defaultParent(), name);
    } catch (InaccessibleFileException e) {
      throw cannotBeWritten(e);
    }
  }

  /** Where models without {@code --out} go; refuses a working directory with lost characters. */
  private static Path defaultParent() {
    return JavaLocale.path("sequor-out");
  }

  /** Found out before the training, this is bad input. */
  private static IllegalArgumentException cannotBeWritten(InaccessibleFileException e) {
    return new IllegalArgumentException("the model cannot be written there: " + e.getMessage(), e);
  }

  private void requireOptionsOfResume() {
    for (OptionSpec option :
        Objects.requireNonNull(spec).commandLine().getParseResult().matchedOptionsSet()) {
      if (!WITH_RESUME.contains(option.longestName())) {
        throw new IllegalArgumentException(
            option.longestName()
                + " cannot be given with --resume: it is part of the checkpoint; with --resume go "
                + String.join(", ", WITH_RESUME.stream().sorted().toList()));
      }
    }
  }

  private Start resumed(Path directory) throws IOException {
    Checkpoint checkpoint = Checkpoint.load(directory);
    Vocabulary vocabulary = TextModel.vocabulary(directory, checkpoint.model(), checkpoint.data());
    TrainingRun run = checkpoint.run();
    if (run == null) {
      throw new IllegalArgumentException(
          directory + ": the model was not trained by this command, so it cannot go on with it");
    }
    Path file =
        textFile != null || run.textFile().isEmpty() ? textFile : JavaLocale.path(run.textFile());
    seed = run.seed();
    Corpus corpus = corpus(file, run.heldOutFraction());
    if (!corpus.fingerprint().equals(run.corpusSha256())) {
      throw new IllegalArgumentException(
          corpus.name()
              + ": not the text that "
              + directory
              + " was trained on, so the run cannot go on"
              + (run.textFile().isEmpty()
                  ? "; it was another Java version's list of Unicode names"
                  : ""));
    }
    long total = run.totalSteps();
    if (steps != null) {
      total = steps;
    } else if (isGiven("--epochs")) {
      total = stepsOfEpochs(corpus, run.batchSize(), run.newSteps());
    }
    long done = checkpoint.snapshot().progress().steps();
    if (total < done) {
      throw new IllegalArgumentException(
          directory + " is at step " + done + " already; needed --steps of at least that");
    }
    return new Start(
        corpus,
        vocabulary,
        checkpoint.model(),
        checkpoint.optimizer(),
        checkpoint.clipping(),
        new TrainingRun(
            file == null ? "" : file.toAbsolutePath().normalize().toString(),
            run.heldOutFraction(),
            run.corpusSha256(),
            run.sequenceLength(),
            run.newSteps(),
            run.batchSize(),
            run.seed(),
            total,
            isGiven("--checkpoint-every") ? checkpointInterval : run.checkpointInterval(),
            device.orElse(run.device()),
            run.backend(),
            run.curve()),
        checkpoint.snapshot());
  }

  private boolean isGiven(String option) {
    return Objects.requireNonNull(spec).commandLine().getParseResult().hasMatchedOption(option);
  }

  /**
   * Trains.
   *
   * @param resumed the directory of the run that is gone on with; null for a new one
   */
  private int train(
      Start start, @Nullable ModelDirectory resumed, Backend backend, Interruption interruption)
      throws IOException {
    TrainingRun run = start.run();
    TrainingMemory memory =
        TrainingMemory.of(start.model(), start.optimizer(), run.sequenceLength(), run.batchSize());
    memory.requireFit(backend.name());
    TrainingRun prepared = run.withBackend(backend.name());
    return HeapLimit.within(
        "training " + memory + " on " + start.corpus().name(),
        () -> train(start, prepared, resumed, backend, interruption));
  }

  private int train(
      Start start,
      TrainingRun run,
      @Nullable ModelDirectory resumed,
      Backend backend,
      Interruption interruption)
      throws IOException {
    try (TextTraining training =
        new TextTraining(
            backend,
            start.corpus(),
            start.vocabulary(),
            start.model(),
            start.optimizer(),
            start.clipping(),
            run,
            start.snapshot())) {
      if (resumed != null) {
        return train(start, run, resumed.path(), backend, training, interruption);
      }
      try (ModelDirectory directory = newDirectory()) {
        return train(start, run, directory.path(), backend, training, interruption);
      }
    }
  }

  private int train(
      Start start,
      TrainingRun run,
      Path directory,
      Backend backend,
      TextTraining training,
      Interruption interruption)
      throws IOException {
    try {
      // Writes the first checkpoint, so that a directory that cannot be written is found out now.
      training.keepIn(directory);
    } catch (InaccessibleFileException e) {
      throw cannotBeWritten(e);
    }
    if (training.steps() < run.totalSteps()) {
      noteOtherBackend(start.run().backend(), backend);
    }
    if (!quiet) {
      announce(start, run, backend, training.steps());
    }
    TextTraining.Pace pace;
    try (Progress progress =
        new Progress(console.err(), quiet, training.steps(), run.totalSteps())) {
      pace = training.train(progress, interruption);
    }
    if (training.steps() < run.totalSteps()) {
      console
          .err()
          .println(
              "interrupted at step "
                  + training.steps()
                  + "; go on with: sequor train --resume "
                  + directory);
      return Main.INTERRUPTED;
    }
    report(start, directory, backend, training, pace);
    return 0;
  }

  /** Of a run that goes on: the bits of its arithmetic may be others from here. */
  private void noteOtherBackend(String before, Backend backend) {
    if (!before.isEmpty() && !before.equals(backend.name())) {
      console
          .err()
          .println(
              "so far this run used "
                  + before
                  + ", now "
                  + backend.name()
                  + ": it goes on, but not bit for bit as if never stopped");
    }
  }

  private void announce(Start start, TrainingRun run, Backend backend, long done) {
    Corpus corpus = start.corpus();
    console
        .err()
        .printf(
            Locale.ROOT,
            "%s: %,d characters to learn, %,d held out, %d different%n"
                + "%s; T=%d B=%d; %,d steps%s on %s%n",
            corpus.name(),
            corpus.training().characters(),
            corpus.heldOut().characters(),
            start.vocabulary().size(),
            layersInWords(start),
            run.sequenceLength(),
            run.batchSize(),
            run.totalSteps(),
            done == 0 ? "" : String.format(Locale.ROOT, " from step %,d", done),
            backend.name());
  }

  private void report(
      Start start, Path directory, Backend backend, TextTraining training, TextTraining.Pace pace)
      throws IOException {
    BatchLoss judged = training.judge();
    double trainBits = training.curve().lastTenth();
    boolean trainIsKnown = !Double.isNaN(trainBits); // A checkpoint need not have a curve.
    PrintWriter words = console.words();
    words.printf(
        Locale.ROOT,
        "%.3f bits per character on held-out text%s, %,d steps in %.1f s%n",
        judged.meanBits(),
        trainIsKnown ? String.format(Locale.ROOT, " (%.3f in training)", trainBits) : "",
        training.steps(),
        pace.seconds());
    printSample(start, training, words);
    Path picture = plot(start, directory, training);
    words.println("written to " + directory + ":");
    words.println("  " + Checkpoint.weightsFile(directory).getFileName() + "  the weights");
    words.println("  config.json and the other files it names  all it takes to go on");
    if (picture != null) {
      words.println("  " + PLOT + "  the loss curve");
    }
    words.println("write more with: sequor sample " + directory);
    words.flush();
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    result.put("model", directory.toString());
    result.put("device", backend.name());
    result.put("steps", training.steps());
    result.put("seconds", pace.seconds());
    result.put("charactersPerSecond", pace.charactersPerSecond());
    result.put("trainBitsPerCharacter", trainIsKnown ? trainBits : null);
    result.put("heldOutBitsPerCharacter", judged.meanBits());
    result.put("lossCurve", picture == null ? null : picture.toString());
    console.result(result);
  }

  private static void printSample(Start start, TextTraining training, PrintWriter words) {
    Sampling sampling = Sampling.ofTemperature(SAMPLE_TEMPERATURE, start.run().seed());
    if (!start.isNames()) {
      words.println("a sample:");
      training.sample(SAMPLED_CHARACTERS, sampling).lines().forEach(l -> words.println("  " + l));
      return;
    }
    words.println(SAMPLED_NAMES + " sampled names:");
    // The last line of a sample is cut off, so it is left out unless it is all there is.
    String text = training.sample(SAMPLED_CHARACTERS, sampling);
    int end = text.lastIndexOf('\n');
    (end < 0 ? text : text.substring(0, end))
        .lines()
        .filter(line -> !line.isBlank())
        .limit(SAMPLED_NAMES)
        .forEach(line -> words.println("  " + line));
  }

  private static String layersInWords(Start start) {
    if (start.model() instanceof SequenceModelSpec usual) {
      int layers = usual.stack().layers();
      return usual.stack().cell().id()
          + ", "
          + layers
          + (layers == 1 ? " layer of " : " layers of ")
          + usual.stack().hiddenSize();
    }
    return start.modelInWords();
  }

  /**
   * Draws the loss curve. A model is worth keeping, and its result worth having, without it, so
   * whatever happens here (no fonts make an InternalError or a missing class) is a warning.
   *
   * @return the picture, or null if there is none
   */
  private @Nullable Path plot(Start start, Path directory, TextTraining training) {
    Path picture = directory.resolve(PLOT);
    String title = start.corpus().name() + ", " + start.modelInWords();
    try {
      LossPlot.write(picture, title, training.curve().toStore());
      return picture;
    } catch (IOException e) {
      console.err().println(picture + ": the loss curve is not written (" + e + ")");
    } catch (Throwable e) {
      console
          .err()
          .println(
              picture
                  + ": the loss curve is not drawn; Java needs fontconfig and a font for it, for"
                  + " example fonts-dejavu-core ("
                  + Main.oneLine(rootCause(e).toString())
                  + ")");
    }
    return null;
  }

  private static Throwable rootCause(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }
}
