package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** What goes where: results, one JSON line, notes, errors, pages of help. */
class ConsoleTest {
  private static final int USUAL_COLUMNS = 80;

  @TempDir static Path folder;

  @BeforeAll
  static void prepare() throws IOException {
    EveryCommand.prepare(folder);
  }

  static List<String> commands() {
    return List.copyOf(EveryCommand.commands().keySet());
  }

  /** A run of {@code command}, whose files are in the folder. */
  private static CommandLineRun run(String command, String... more) {
    List<Object> arguments = new ArrayList<>(EveryCommand.with(command));
    String out = folder.resolve("out-" + String.join("", more)).toString();
    for (String each : EveryCommand.arguments(command, out)) {
      arguments.add(
          each.endsWith("model") && !each.startsWith("-")
              ? folder.resolve(each)
              : each.replace("=text.txt", "=" + folder.resolve("text.txt"))
                  .replace("=model", "=" + folder.resolve("model")));
    }
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void quietMeansNothingOnStderrButErrors(String command) throws IOException {
    CommandLineRun quiet = run(command, "--quiet").succeeds();
    assertEquals("", quiet.err());
    assertFalse(quiet.out().isBlank());
    CommandLineRun both = run(command, "--json", "--quiet").succeeds();
    assertEquals("", both.err());
    assertFalse(both.json().has("error"), both.out());
    CommandLineRun.of(EveryCommand.with(command, "--quiet", "--wings").toArray())
        .isRefusedWith(2, "--wings");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyErrorIsOneJsonLineIfThatIsWanted(String command) throws IOException {
    for (String[] arguments :
        new String[][] {
          {"--json", "--wings"},
          {"--wings", "--json"},
          {"--wings=3", "--quiet", "--json", "too", "many", "names"}
        }) {
      CommandLineRun refused = CommandLineRun.of(EveryCommand.with(command, arguments).toArray());
      refused.isRefusedWith(2, "unknown option '--wings'");
      assertTrue(refused.json().get("error").asText().startsWith("unknown option '--wings'"));
    }
  }

  @Test
  void errorsOfAnyKindAreTheJsonLine() throws IOException {
    JsonNode bad =
        CommandLineRun.of("train", "--hidden", "x", "--json", "--out", folder.resolve("o")).json();
    assertEquals(
        "--hidden is x; needed a whole number, 1 to 2147483647", bad.get("error").asText());
    assertEquals(2, bad.get("exitCode").asInt());
    CommandLineRun.of("train", "--json", "--text").isRefusedWith(2, "'--text' (FILE)");
    CommandLineRun.of("sample", "--json").isRefusedWith(2, "MODEL");
    CommandLineRun.of("sample", folder.resolve("none"), "--json")
        .isRefusedWith(2, "holds no checkpoint");
    CommandLineRun.of("sample", folder.resolve("model"), "--device=cuda:99", "--json")
        .isRefusedWith(3, "device 'cuda:99'");
    // What follows an option is its value.
    CommandLineRun value = CommandLineRun.of("sample", "--prime", "--json");
    assertEquals("", value.out());
    assertEquals(2, value.code());
  }

  /** No sentence of a command ends where its line in the list of commands does. */
  @Test
  void theListOfCommandsHasWholeSentences() {
    String list = CommandLineRun.of("--help").out();
    Main.commandLine().getSubcommands().forEach((name, command) -> hasASentence(command, list));
    String demos = CommandLineRun.of("demo").succeeds().out();
    assertEquals(demos, CommandLineRun.of("demo", "--help").succeeds().out());
    CommandLine demo = Objects.requireNonNull(Main.commandLine().getSubcommands().get("demo"));
    demo.getSubcommands().forEach((name, command) -> hasASentence(command, demos));
  }

  private static void hasASentence(CommandLine command, String list) {
    String[] header = command.getCommandSpec().usageMessage().header();
    assertEquals(1, header.length, command.getCommandName());
    assertTrue(header[0].matches("[A-Z][^.]*\\."), header[0]);
    assertTrue(list.contains(" " + header[0]), "broken: " + header[0]);
  }

  /**
   * No line of a page of help is broken by hand: the shorter one of two is the last of its part.
   */
  @ParameterizedTest
  @MethodSource("commands")
  void pagesOfHelpAreAsWideAsTheTerminalAndSaySentences(String command) {
    String page = CommandLineRun.of(EveryCommand.with(command, "--help").toArray()).out();
    for (String line : page.lines().toList()) {
      assertTrue(line.length() <= USUAL_COLUMNS, line);
      assertFalse(line.contains("[cutoffs="), line);
    }
    CommandLine parser = Objects.requireNonNull(EveryCommand.commands().get(command));
    for (String part : parser.getCommandSpec().usageMessage().description()) {
      assertTrue(part.isEmpty() || part.endsWith("."), part);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "30", "60", "100", "100000", "x", ""})
  void helpIsAsWideAsColumnsSays(String columns) throws Exception {
    Program.Result help =
        new Program(Main.class, folder).environment("COLUMNS", columns).run("train", "--help");
    assertEquals(0, help.code(), help::toString);
    int widest = help.out().lines().mapToInt(String::length).max().orElse(0);
    int expected =
        switch (columns) {
          case "1", "30" -> 55;
          case "60" -> 60;
          case "100" -> 100;
          case "100000" -> 110;
          default -> USUAL_COLUMNS;
        };
    assertTrue(widest <= expected && widest > expected - 10, widest + " " + help);
  }
}
