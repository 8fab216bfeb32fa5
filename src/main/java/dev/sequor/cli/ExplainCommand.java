package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.diagnose.TellingUnits;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows how a model of text reads one. */
@Command(
    name = "explain",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Shows what a model of text expects, and what its units tell.",
    description =
        "Of each character, word or byte: the probability that the model gave it, its surprise in"
            + " bits, and what the model would rather have said. Then, for features like the position"
            + " in the line or being inside quotation marks, the unit that tells it best, if that is"
            + " more than chance.")
final class ExplainCommand implements Callable<Integer> {
  /** What a page can show. */
  private static final int SHOWN = 1000;

  /** In fewer tokens little can be told from chance. */
  private static final int FEW = 1000;

  @Parameters(
      paramLabel = "MODEL",
      description = "The directory of a trained model of text, or a model in a file.")
  private @Nullable Path path;

  @Option(
      names = "--text",
      paramLabel = "TEXT",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The text itself.")
  private @Nullable String literal;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "Instead of --text: a file with it; - for standard input.")
  private @Nullable Path file;

  @Option(
      names = "--search-on",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "A longer text to find telling units in; - for standard input (default: the text itself).")
  private @Nullable Path searchedFile;

  @Mixin private FindingsFiles files = new FindingsFiles();
  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    if ((literal == null) == (file == null)) {
      throw new IllegalArgumentException(
          literal == null
              ? "needed --text TEXT or --file FILE"
              : "--text and --file are given; needed one of both");
    }
    files.check();
    Path from = Objects.requireNonNull(path);
    TrainedModel trained = TrainedModel.load(from);
    Vocabulary vocabulary = TextModel.vocabulary(from, trained.model(), trained.data());
    int most = TellingUnits.mostSteps(trained.model());
    Tokens read = read(vocabulary);
    Tokens searched =
        searchedFile == null
            ? read
            : TextSubject.tokens(console.inputs().file(searchedFile), vocabulary);
    List<String> remarks = remarks(vocabulary, read, searched, most);
    remarks.forEach(remark -> console.notes().println(remark));
    ExplainedText explained;
    try (Backend backend = device.open(console.notes());
        SequenceModel model = TextModel.of(trained, backend, WeightStorage.FLOAT32)) {
      explained = ExplainedText.of(model, vocabulary, part(read, 0, SHOWN), middle(searched, most));
    }
    String name = String.valueOf(from.toAbsolutePath().normalize().getFileName());
    files.write(new ExplanationReport(name, explained, remarks), console);
    return 0;
  }

  private Tokens read(Vocabulary vocabulary) throws IOException {
    Tokens tokens;
    String name;
    if (file != null) {
      InputFile input = console.inputs().file(file);
      name = input.name();
      tokens = TextSubject.tokens(input, vocabulary);
    } else {
      name = "--text";
      tokens = Tokens.of(vocabulary.encode(name, Objects.requireNonNull(literal)));
    }
    if (tokens.size() < 2) {
      throw new IllegalArgumentException(
          name
              + ": holds "
              + tokens.size()
              + " "
              + vocabulary.unit()
              + "s; needed at least 2, one to see and one to predict");
    }
    return tokens;
  }

  private List<String> remarks(Vocabulary vocabulary, Tokens read, Tokens searched, int most) {
    List<String> remarks = new ArrayList<>();
    String units = vocabulary.unit() + "s";
    if (read.size() > SHOWN) {
      remarks.add(
          String.format(
              Locale.ROOT, "Of %,d %s the first %,d are shown.", read.size(), units, SHOWN));
    }
    if (searched.size() > most) {
      remarks.add(
          String.format(
              Locale.ROOT,
              "Telling units are looked for in %,d of %,d %s, those in the middle.",
              most,
              searched.size(),
              units));
    }
    if (searched.size() < FEW) {
      remarks.add(
          String.format(
              Locale.ROOT,
              "Telling units are looked for in %,d %s, which are few; --search-on FILE takes more.",
              searched.size(),
              units));
    }
    return remarks;
  }

  /** Books begin with what is not like the rest of them. */
  private static int[] middle(Tokens tokens, int most) {
    return part(tokens, Math.max(0, tokens.size() - most) / 2, most);
  }

  private static int[] part(Tokens tokens, long from, int most) {
    return tokens.slice(from, Math.min(most, tokens.size() - from)).toArray();
  }
}
