package dev.sequor.cli;

import dev.sequor.backend.DeviceGroup;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.DataSource;
import dev.sequor.io.InaccessibleFileException;
import dev.sequor.io.ModelDirectory;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.DivergedException;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
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

/** Trains a model, or goes on with one: where it is kept, and what is said of it. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false,
    header = "Trains a model of text, of a table or of a task.",
    description = {
      "A model of text predicts each character from those before it; without --text it learns the"
          + " names of the Unicode characters, which every Java carries. With --csv it forecasts or"
          + " classifies rows of a table, with --task it learns examples that are generated.",
      ""
    })
final class TrainCommand implements Callable<Integer> {
  private static final String PLOT = "loss.png";

  /** Where a stopped run goes on, these may differ; all else is the checkpoint's. */
  private static final Set<String> WITH_RESUME =
      Set.of(
          "--resume",
          "--spark",
          "--epochs",
          "--steps",
          "--text",
          "--csv",
          "--separator",
          "--device",
          "--checkpoint-every",
          "--quiet",
          "--json",
          "--log",
          "--report",
          "--live",
          "--tensorboard");

  /** What is learned, and the option that says so. */
  private enum Kind {
    TEXT("--text"),
    TABLE("--csv"),
    TASK("--task");

    private final String option;

    Kind(String option) {
      this.option = option;
    }
  }

  /** What a task has no use for. */
  private static final Set<String> OF_DATA = Set.of("--held-out", "--seq-length", "--epochs");

  @Mixin private TextFlags text = new TextFlags();
  @Mixin private TableFlags table = new TableFlags();
  @Mixin private TaskFlags task = new TaskFlags();
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private UpdateFlags update = new UpdateFlags();
  @Mixin private RunFlags flags = new RunFlags();
  @Mixin private ClusterFlags cluster = new ClusterFlags();

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

  @Option(
      names = "--log",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Write a line of JSON to FILE for each report of the training; with --resume behind what"
              + " is there, otherwise to a new file.")
  private @Nullable Path log;

  @Mixin private ReportFlags reportFlags = new ReportFlags();

  @Mixin private Console console = new Console();

  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    if (log != null) {
      TrainingLog.check(log, resume == null ? out : resume, resume != null);
    }
    if (resume != null) {
      requireOptionsOfResume();
    }
    if (!cluster.isGiven()) {
      cluster.requireNoneOfCluster();
    }
    try (TrainingReports reports = reportFlags.open(resume == null ? out : resume)) {
      if (resume == null) {
        return train(fresh(), null, reports);
      }
      // Held before anything is read, so that what is read is still there when it is gone on from.
      try (ModelDirectory directory = ModelDirectory.open(resume)) {
        return train(resumed(directory.path()), directory, reports);
      }
    }
  }

  private Training.Start fresh() throws IOException {
    Kind kind = kind();
    if (cluster.isGiven() && kind != Kind.TEXT) {
      throw new IllegalArgumentException(
          kind.option
              + " does not go with --spark; needed a text, or a program of your own with"
              + " SparkTrainer for rows of a table");
    }
    String note =
        ModelFlags.note(
            Objects.requireNonNull(spec).commandLine().getParseResult().matchedOption("--cell"));
    if (note != null) {
      console.notes().println(note);
    }
    Training.Start start =
        switch (kind) {
          case TEXT -> text.start(flags, model, update, console.inputs());
          case TABLE -> table.start(flags, model, update, console.inputs());
          case TASK -> task.start(flags, model, update);
        };
    if (out == null) {
      defaultParent();
    } else {
      ModelDirectory.requireVacant(out);
    }
    return start;
  }

  /** Where a new model goes: made, and held until it is closed. */
  private ModelDirectory newDirectory(Training.Start start) throws IOException {
    try {
      if (out != null) {
        return ModelDirectory.create(out);
      }
      return ModelDirectory.createNew(
          defaultParent(),
          start.subject().shortName() + "-" + start.modelInWords().replace(' ', '-'));
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

  /**
   * What is to be learned.
   *
   * @throws IllegalArgumentException if an option is given that goes with something else
   */
  private Kind kind() {
    Kind kind = task.isGiven() ? Kind.TASK : table.isGiven() ? Kind.TABLE : Kind.TEXT;
    for (OptionSpec option : given()) {
      String name = option.longestName();
      boolean ofOthers =
          (kind != Kind.TEXT && isOptionOf(new TextFlags(), name))
              || (kind != Kind.TABLE && isOptionOf(new TableFlags(), name))
              || (kind != Kind.TASK && isOptionOf(new TaskFlags(), name))
              || (kind == Kind.TASK && OF_DATA.contains(name));
      if (ofOthers) {
        throw new IllegalArgumentException(
            name + " does not go with " + kind.option + "; needed without " + name);
      }
    }
    return kind;
  }

  private static boolean isOptionOf(Object flags, String name) {
    return CommandSpec.forAnnotatedObject(flags).findOption(name) != null;
  }

  private Set<OptionSpec> given() {
    return Objects.requireNonNull(spec).commandLine().getParseResult().matchedOptionsSet();
  }

  private void requireOptionsOfResume() {
    for (OptionSpec option : given()) {
      if (!WITH_RESUME.contains(option.longestName())) {
        throw new IllegalArgumentException(
            option.longestName()
                + " cannot be given with --resume: it is part of the checkpoint; with --resume go "
                + String.join(", ", WITH_RESUME.stream().sorted().toList()));
      }
    }
  }

  private Training.Start resumed(Path directory) throws IOException {
    Checkpoint checkpoint = Checkpoint.load(directory);
    if (!(checkpoint.run() instanceof TrainingRun run)) {
      throw new IllegalArgumentException(
          directory + ": the model was not trained by this command, so it cannot go on with it");
    }
    Subject subject = subject(directory, checkpoint, run);
    if (run.source() instanceof DataSource.Task source && isGiven("--epochs")) {
      throw new IllegalArgumentException(
          directory + ": a model of " + source.name() + ", which has no epochs; needed --steps");
    }
    TrainingRun rest =
        flags.resumed(
            run,
            subject.source(),
            subject.windows().windowsPerEpoch(),
            isGiven("--checkpoint-every"));
    long done = checkpoint.snapshot().progress().steps();
    boolean ofCluster = Files.exists(Cluster.file(directory, done));
    if (ofCluster != cluster.isGiven()) {
      throw new IllegalArgumentException(
          directory
              + (ofCluster
                  ? ": a run of a cluster; needed --spark MASTER to go on with it"
                  : ": a run of one machine; needed without --spark to go on with it"));
    }
    if (rest.totalSteps() < done) {
      throw new IllegalArgumentException(
          directory + " is at step " + done + " already; needed --steps of at least that");
    }
    return new Training.Start(
        subject,
        checkpoint.model(),
        checkpoint.optimizer(),
        checkpoint.clipping(),
        rest,
        checkpoint.snapshot());
  }

  private Subject subject(Path directory, Checkpoint checkpoint, TrainingRun run)
      throws IOException {
    if (run.source() instanceof DataSource.Text source) {
      requireNot("--csv", table.csv().file(), directory, source);
      return TextSubject.resumed(
          directory,
          TextModel.vocabulary(directory, checkpoint.model(), checkpoint.data()),
          run,
          source,
          text.file(),
          console.inputs());
    }
    if (run.source() instanceof DataSource.Table source) {
      requireNot("--text", text.file(), directory, source);
      return TableSubject.resumed(
          directory,
          table.csv().read(source, console.inputs()),
          TableSubject.spec(directory, checkpoint.data()),
          run);
    }
    if (run.source() instanceof DataSource.Task source) {
      requireNot("--csv", table.csv().file(), directory, source);
      requireNot("--text", text.file(), directory, source);
      return TaskSubject.resumed(directory, run, source);
    }
    throw new IllegalStateException("unknown source " + run.source());
  }

  private static void requireNot(
      String option, @Nullable Path file, Path directory, DataSource source) {
    if (file != null) {
      throw new IllegalArgumentException(
          directory + ": a model of " + source.name() + "; needed without " + option);
    }
  }

  private boolean isGiven(String option) {
    return Objects.requireNonNull(spec).commandLine().getParseResult().hasMatchedOption(option);
  }

  /**
   * Trains.
   *
   * @param resumed the directory of the run that is gone on with; null for a new one
   */
  private int train(Training.Start start, @Nullable ModelDirectory resumed, TrainingReports reports)
      throws IOException {
    Interruption interruption = console.interruption();
    interruption.waitForTheEnd();
    TrainingMemory memory =
        TrainingMemory.of(
            start.model(),
            start.optimizer(),
            start.run().sequenceLength(),
            start.run().batchSize());
    return HeapLimit.within(
        "training " + memory + " on " + start.subject().name(),
        () -> {
          try (Learner learner = learner(start, resumed, memory)) {
            return train(start, resumed, learner, interruption, reports);
          }
        });
  }

  private Learner learner(
      Training.Start start, @Nullable ModelDirectory resumed, TrainingMemory memory)
      throws IOException {
    if (!cluster.isGiven()) {
      DeviceGroup devices = DeviceOption.openGroup(start.run().device(), console.notes());
      try {
        memory.requireFit(devices.name());
        return new DeviceLearner(devices, start);
      } catch (RuntimeException | Error e) {
        devices.close();
        throw e;
      }
    }
    memory.requireFit(cluster.master()); // Of the driver: executors say so themselves.
    if (!(start.subject().source() instanceof DataSource.Text source)
        || !(start.subject().data() instanceof Vocabulary vocabulary)) {
      throw new IllegalStateException("a cluster learns a text");
    }
    Path file =
        source.file().isEmpty() ? null : console.inputs().file(Path.of(source.file())).path();
    return Cluster.find()
        .learner(
            cluster.rounds(),
            new Cluster.Task(
                file,
                start.subject().name(),
                vocabulary,
                source.heldOutFraction(),
                start.model(),
                start.optimizer(),
                start.clipping(),
                start.run()),
            resumed == null
                ? null
                : new Cluster.Kept(resumed.path(), Checkpoint.load(resumed.path())));
  }

  private int train(
      Training.Start start,
      @Nullable ModelDirectory resumed,
      Learner learner,
      Interruption interruption,
      TrainingReports reports)
      throws IOException {
    Training training = new Training(learner, start.at(learner.place()));
    if (resumed != null) {
      return train(start, resumed.path(), training, interruption, reports);
    }
    try (ModelDirectory directory = newDirectory(start)) {
      return train(start, directory.path(), training, interruption, reports);
    }
  }

  private int train(
      Training.Start start,
      Path directory,
      Training training,
      Interruption interruption,
      TrainingReports reports)
      throws IOException {
    try {
      // Writes the first checkpoint, so that a directory that cannot be written is found out now.
      training.keepIn(directory);
    } catch (InaccessibleFileException e) {
      throw cannotBeWritten(e);
    }
    TrainingObserver observer =
        reports.begin(start, training.place(), training.steps(), console.notes());
    try (TrainingLog lines = log == null ? null : TrainingLog.open(log)) {
      trainObserved(start, directory, training, interruption, lines, observer);
      List<String> complaints = reports.complaints();
      if (lines != null && lines.complaint() != null) {
        complaints.add(lines.complaint());
      }
      if (!complaints.isEmpty()) {
        throw new IOException(String.join("; ", complaints));
      }
      return 0;
    }
  }

  /** Trains, and tells {@code observer} how it ends. */
  private void trainObserved(
      Training.Start start,
      Path directory,
      Training training,
      Interruption interruption,
      @Nullable TrainingLog lines,
      TrainingObserver observer)
      throws IOException {
    State end = State.FAILED;
    try {
      train(start, directory, training, interruption, lines, observer);
      end = State.COMPLETED;
    } catch (StoppedException e) {
      end = State.INTERRUPTED;
      observer.happened(Event.of(training.steps(), Main.oneLine(e.getMessage())));
      throw e;
    } catch (DivergedException e) {
      end = State.DIVERGED;
      observer.happened(Event.of(training.steps(), Main.oneLine(e.getMessage())));
      throw e;
    } catch (IOException | RuntimeException | Error e) {
      observer.happened(Event.of(training.steps(), Main.oneLine(e.toString())));
      throw e;
    } finally {
      observer.ended(end);
    }
  }

  private void train(
      Training.Start start,
      Path directory,
      Training training,
      Interruption interruption,
      @Nullable TrainingLog lines,
      TrainingObserver observer)
      throws IOException {
    long totalSteps = start.run().totalSteps();
    String before = start.run().backend();
    if (training.steps() < totalSteps) {
      noteOtherPlace(before, training.place());
    }
    if (!console.isQuiet()) {
      announce(start, training);
    }
    Training.Pace pace;
    try (Progress progress =
        new Progress(
            console.notes(), console.isQuiet(), start.subject(), training.steps(), totalSteps)) {
      pace = training.train(progress, interruption, lines, observer);
    }
    if (training.steps() < totalSteps) {
      Map<String, Object> reached = new LinkedHashMap<>();
      reached.put("model", directory.toString());
      reached.put("steps", training.steps());
      console.result(reached);
      throw new StoppedException(
          "interrupted at step "
              + training.steps()
              + "; go on with: sequor train --resume "
              + directory
              + (cluster.isGiven() ? " --spark " + cluster.master() : ""));
    }
    Map<String, Double> figures = report(start, directory, training, pace);
    observer.judged(new Judgement(training.steps(), figures));
  }

  /** Of a run that goes on: the bits of its arithmetic may be others from here. */
  private void noteOtherPlace(String before, String place) {
    if (!before.isEmpty() && !before.equals(place)) {
      console
          .notes()
          .println(
              "so far this run used "
                  + before
                  + ", now "
                  + place
                  + ": it goes on, but not bit for bit as if never stopped");
    }
  }

  private void announce(Training.Start start, Training training) {
    TrainingRun run = start.run();
    long done = training.steps();
    console
        .notes()
        .printf(
            Locale.ROOT,
            "%s: %s%n%s; T=%d B=%d; %,d steps%s on %s%n",
            start.subject().name(),
            start.subject().size(),
            layersInWords(start),
            run.sequenceLength(),
            run.batchSize(),
            run.totalSteps(),
            done == 0 ? "" : String.format(Locale.ROOT, " from step %,d", done),
            training.place());
  }

  /**
   * Says what came of it.
   *
   * @return the figures, by name
   */
  private Map<String, Double> report(
      Training.Start start, Path directory, Training training, Training.Pace pace)
      throws IOException {
    Subject subject = start.subject();
    Measure measure = subject.measure();
    double judged = training.judge();
    double trained = training.curve().lastTenth();
    boolean trainedIsKnown = !Double.isNaN(trained); // A checkpoint need not have a curve.
    PrintWriter words = console.words();
    words.printf(
        Locale.ROOT,
        "%s on %s%s, %,d steps in %.1f s%n",
        measure.words(judged),
        subject.heldOutName(),
        trainedIsKnown
            ? String.format(Locale.ROOT, " (%s in training)", measure.number(trained))
            : "",
        training.steps(),
        pace.seconds());
    Map<String, @Nullable Object> result = new LinkedHashMap<>();
    result.put("model", directory.toString());
    result.put("device", training.place());
    result.put("steps", training.steps());
    result.put("seconds", pace.seconds());
    result.put(measure.nouns() + "PerSecond", pace.learnedPerSecond());
    result.put(measure.key("train"), trainedIsKnown ? trained : null);
    result.put(measure.key("heldOut"), judged);
    Map<String, @Nullable Object> shown = new LinkedHashMap<>();
    subject.show(training.model(), words, shown);
    result.putAll(shown);
    Path picture = plot(start, directory, training);
    result.put("lossCurve", picture == null ? null : picture.toString());
    words.println("written to " + directory + ":");
    words.println("  " + Checkpoint.weightsFile(directory).getFileName() + "  the weights");
    words.println("  config.json and the other files it names  all it takes to go on");
    if (picture != null) {
      words.println("  " + PLOT + "  the loss curve");
    }
    words.println(subject.use() + " " + directory);
    words.flush();
    console.result(result);
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put(measure.unit() + " on all " + subject.heldOutName(), judged);
    collect("", shown, figures);
    return figures;
  }

  /** The numbers of {@code values}, and of the maps in it. */
  private static void collect(String name, Map<?, ?> values, Map<String, Double> figures) {
    values.forEach(
        (key, value) -> {
          String full = name.isEmpty() ? String.valueOf(key) : name + " " + key;
          if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
            figures.put(full, number.doubleValue());
          } else if (value instanceof Map<?, ?> map) {
            collect("figures".equals(key) ? name : full, map, figures);
          }
        });
  }

  private static String layersInWords(Training.Start start) {
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
  private @Nullable Path plot(Training.Start start, Path directory, Training training) {
    Path picture = directory.resolve(PLOT);
    String title = start.subject().name() + ", " + start.modelInWords();
    try {
      LossPlot.write(picture, title, start.subject().measure().unit(), training.curve().toStore());
      return picture;
    } catch (IOException e) {
      console.notes().println(picture + ": the loss curve is not written (" + e + ")");
    } catch (Throwable e) {
      console.notes().println(picture + ": the loss curve is not drawn; " + PictureFile.cure(e));
    }
    return null;
  }
}
