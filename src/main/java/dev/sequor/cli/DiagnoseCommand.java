package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.WeightStorage;
import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.Window;
import dev.sequor.diagnose.Diagnosis;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.report.ReportFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows how far gradients reach back in time, and what gates do. */
@Command(
    name = "diagnose",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Shows how far gradients reach back, and what gates do.",
    description =
        "Of a model of text (with --text), or of new ones of the cells given (--cell), which read"
            + " random symbols: the norm of the gradient of the loss by the hidden state at each time"
            + " step, for each layer and direction, and how far open the gates are. Where the norm"
            + " falls to nothing, what was read there cannot be learned from.")
final class DiagnoseCommand implements Callable<Integer> {
  /** Symbols that new models read. */
  private static final int SYMBOLS = 32;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = "The directory of a trained model of text, or a model in a file.")
  private @Nullable Path path;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "With MODEL: what it reads; - for standard input.")
  private @Nullable Path textFile;

  @Option(
      names = "--cell",
      paramLabel = "CELL",
      split = ",",
      converter = ModelFlags.Cells.class,
      completionCandidates = ModelFlags.Cells.class,
      description =
          "Instead of MODEL: new models of these, for example rnn-tanh,gru-reset-before,lstm. Any of"
              + " ${COMPLETION-CANDIDATES}.")
  private List<CellType> cells = List.of();

  @Range("[1,1024]")
  @Option(
      names = "--hidden",
      paramLabel = "H",
      description = "With --cell: units of a layer (default: 64).")
  private @Nullable Integer hidden;

  @Range("[1," + SequenceModelSpec.MAX_LAYERS + "]")
  @Option(
      names = "--layers",
      paramLabel = "L",
      description = "With --cell: recurrent layers (default: 1).")
  private @Nullable Integer layers;

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "With --cell: first weights and symbols (default: 1).")
  private @Nullable Long seed;

  @Range("[1,10000]")
  @Option(
      names = "--steps",
      paramLabel = "T",
      description = "Time steps to look at (default: 100).")
  private int steps = 100;

  @Range("[1,1000]")
  @Option(
      names = "--sequences",
      paramLabel = "B",
      description = "Sequences to look at together (default: 8).")
  private int sequences = 8;

  @Option(
      names = "--every-step",
      description = "The loss of every step, and not that of the last one only.")
  private boolean everyStep;

  @Option(
      names = "--report",
      paramLabel = "FILE.html",
      preprocessor = Verbatim.class,
      description = "Writes a page with charts, which needs nothing but itself.")
  private @Nullable Path report;

  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    ReportFile page = report == null ? null : ReportFile.of("--report", report);
    List<DiagnosisReport.Subject> found;
    try (Backend backend = device.open(console.notes())) {
      found = path == null ? ofCells(backend) : ofModel(backend, path);
    }
    DiagnosisReport written = new DiagnosisReport(found, steps, sequences, everyStep);
    if (page != null) {
      page.write(written.page());
    }
    if (!console.isJson()) {
      written.print(console.words());
    }
    Map<String, Object> result = new LinkedHashMap<>(written.json());
    if (report != null) {
      result.put("report", report.toString());
    }
    console.result(result);
    return 0;
  }

  private Diagnosis.Of which() {
    return everyStep ? Diagnosis.Of.ALL_STEPS : Diagnosis.Of.LAST_STEP;
  }

  private static void requireNot(String option, boolean isGiven) {
    if (isGiven) {
      throw new IllegalArgumentException(option + " is given with MODEL; needed one of both");
    }
  }

  private List<DiagnosisReport.Subject> ofModel(Backend backend, Path from) throws IOException {
    requireNot("--cell", !cells.isEmpty());
    requireNot("--hidden", hidden != null);
    requireNot("--layers", layers != null);
    requireNot("--seed", seed != null);
    TrainedModel trained = TrainedModel.load(from);
    Vocabulary vocabulary = TextModel.vocabulary(from, trained.model(), trained.data());
    if (textFile == null) {
      throw new IllegalArgumentException(from + ": a model of text; needed --text FILE");
    }
    InputFile file = console.inputs().file(textFile);
    Tokens tokens = TextSubject.tokens(file, vocabulary);
    Window window = DiagnosedText.window(tokens, file.name(), vocabulary.unit(), steps, sequences);
    try (SequenceModel model = TextModel.of(trained, backend, WeightStorage.FLOAT32)) {
      String name = String.valueOf(from.toAbsolutePath().normalize().getFileName());
      return List.of(new DiagnosisReport.Subject(name, Diagnosis.of(model, window, which())));
    }
  }

  private List<DiagnosisReport.Subject> ofCells(Backend backend) {
    if (cells.isEmpty()) {
      throw new IllegalArgumentException("needed MODEL with --text FILE, or --cell CELL");
    }
    if (textFile != null) {
      throw new IllegalArgumentException("--text is given without MODEL; needed a model of text");
    }
    long first = Objects.requireNonNullElse(seed, 1L);
    Window window = DiagnosedText.random(SYMBOLS, steps, sequences, first);
    List<DiagnosisReport.Subject> subjects = new ArrayList<>();
    for (CellType cell : cells) {
      SequenceModelSpec spec =
          SequenceModelSpec.languageModel(SYMBOLS, SYMBOLS)
              .cell(cell)
              .hiddenSize(Objects.requireNonNullElse(hidden, 64))
              .layers(Objects.requireNonNullElse(layers, 1))
              .build();
      try (SequenceModel model = new SequenceModel(backend, spec, first)) {
        subjects.add(new DiagnosisReport.Subject(cell.id(), Diagnosis.of(model, window, which())));
      }
    }
    return subjects;
  }
}
