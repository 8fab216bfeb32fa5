package dev.sequor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Runs every command of the program in every way that prints something, on this process's streams:
 * as a program of its own, so that these may be anything. A command that is new and not known here
 * ends it with an error.
 */
final class EveryCommand {
  /** Where the exit codes go, one line a run: the code, then the arguments. */
  static final String CODES = "codes";

  /** What the process takes for its locale, as the number one shows it. */
  static final String DIGIT = "digit";

  private EveryCommand() {}

  /** A text to learn from, and models of it and of a table, in {@code folder}. */
  static void prepare(Path folder) throws IOException {
    Path text =
        Files.writeString(folder.resolve("text.txt"), "to be or not to be, \u00e9\n".repeat(99));
    List<Object> train =
        new ArrayList<>(List.of("train", "--text", text, "--out", folder.resolve("model")));
    train.addAll(smallest());
    CommandLineRun.of(train.toArray()).succeeds();
    train.set(4, folder.resolve("other-model"));
    CommandLineRun.of(train.toArray()).succeeds();
    Path ofTable = folder.resolve("table-model");
    CommandLineRun.of(
            "train", "--csv=sunspots", "--out", ofTable, "--steps=2", "--hidden=3", "--device=java")
        .succeeds();
  }

  /** Options of a training that is over at once. */
  static List<String> smallest() {
    return List.of(
        "--steps=2", "--hidden=3", "--embedding=2", "--batch=2", "--seq-length=8", "--device=java");
  }

  /** Runs that succeed, given what {@link #prepare} left in the working directory. */
  static List<List<String>> runs() {
    List<List<String>> runs = new ArrayList<>();
    runs.add(List.of());
    runs.add(List.of("--help"));
    runs.add(List.of("--version"));
    for (String command : commands().keySet()) {
      runs.add(with(command, "--help"));
      runs.add(with(command, "--version"));
      for (String way : List.of("", "--json", "--quiet")) {
        List<String> run = with(command);
        run.addAll(arguments(command, "out" + way));
        if (!way.isEmpty()) {
          run.add(way);
        }
        runs.add(run);
      }
    }
    return runs;
  }

  /** The commands that do something, by what calls them, for example {@code demo cells}. */
  static Map<String, CommandLine> commands() {
    Map<String, CommandLine> all = new LinkedHashMap<>();
    add(all, "", Main.commandLine());
    return all;
  }

  private static void add(Map<String, CommandLine> all, String parent, CommandLine command) {
    command
        .getSubcommands()
        .forEach(
            (name, each) -> {
              if (each.getSubcommands().isEmpty()) {
                all.put(parent + name, each);
              } else {
                add(all, parent + name + " ", each);
              }
            });
  }

  /** What calls {@code command}, and more. */
  static List<String> with(String command, String... more) {
    List<String> all = new ArrayList<>(List.of(command.split(" ", -1)));
    all.addAll(List.of(more));
    return all;
  }

  /**
   * The same with the options that the command does not do without, but for those that are given.
   */
  static List<String> withRequired(String command, String... more) {
    List<String> all = with(command, more);
    for (ArgSpec required :
        Objects.requireNonNull(commands().get(command)).getCommandSpec().requiredArgs()) {
      if (!(required instanceof OptionSpec option)) {
        continue;
      }
      String name = option.longestName();
      if (all.stream().noneMatch(word -> word.equals(name) || word.startsWith(name + "="))) {
        all.add(name + "=x");
      }
    }
    return all;
  }

  /**
   * What {@code command} needs to succeed where {@link #prepare} left its files.
   *
   * @param out the directory that a training makes
   */
  static List<String> arguments(String command, String out) {
    return switch (command) {
      case "info", "completion" -> List.of();
      case "train" -> {
        List<String> train = new ArrayList<>(List.of("--text=text.txt", "--out=" + out));
        train.addAll(smallest());
        yield train;
      }
      case "sample" -> List.of("model", "--prime=be \u00e9", "--device=java");
      case "inspect" -> List.of("model");
      case "diagnose" ->
          List.of("model", "--text=text.txt", "--steps=9", "--sequences=2", "--device=java");
      case "explain" -> List.of("model", "--text=to be, \u00e9", "--device=java");
      case "demo agreement" -> List.of("--distances=5", "--steps=2", "--hidden=3", "--device=java");
      case "demo clipping" -> List.of("--steps=2", "--hidden=3", "--device=java");
      case "demo cells" -> List.of("--text=text.txt", "--steps=1", "--hidden=3", "--device=java");
      case "compare" -> List.of("model", "other-model");
      case "convert" -> List.of("model", out + ".safetensors");
      case "predict" -> List.of("table-model", "--csv=sunspots", "--device=java");
      case "score" -> List.of("--spark=here", "--model=model", "--input=rows", "--output=scored");
      case "eval" -> List.of("model", "--text=text.txt", "--device=java");
      default -> throw new AssertionError("say here how to run '" + command + "'");
    };
  }

  /**
   * Runs the commands given, each as one argument with blanks between its own, one after the other;
   * all {@link #runs} if there are none. {@code -Dname=value} before one sets a property for it.
   */
  public static void main(String[] args) throws IOException {
    Files.writeString(
        Path.of(DIGIT), String.format(Locale.getDefault(Locale.Category.FORMAT), "%d", 1));
    Main.prepareProcess();
    List<List<String>> runs = args.length == 0 ? runs() : new ArrayList<>();
    for (String run : args) {
      runs.add(new ArrayList<>(List.of(run.split(" "))));
    }
    for (List<String> run : runs) {
      if (!run.isEmpty() && run.get(0).startsWith("-D")) {
        String[] property = run.remove(0).substring(2).split("=", 2);
        System.setProperty(property[0], property[1]);
      }
      StandardStream out = StandardStream.out();
      int code = Main.run(out, StandardStream.err(), run.toArray(String[]::new));
      Files.writeString(
          Path.of(CODES),
          code + " " + String.join(" ", run) + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    }
  }
}
