package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/**
 * The commands that the documentation shows are those of the program: they and their options exist,
 * and one without placeholders would start.
 */
class DocumentedCommandsTest {
  private static final Pattern COMMAND =
      Pattern.compile("(?:^|`)(?:\\./)?sequor((?: [^`#\n]*)?)(?:`|#|$)", Pattern.MULTILINE);

  /** {@code FILE}, {@code N}, {@code FILE.html}: a word of capitals stands for one of the user. */
  private static final Pattern PLACEHOLDER = Pattern.compile("\\b[A-Z]+\\b|…");

  static List<String> commands() throws IOException {
    List<Path> documents = new ArrayList<>(List.of(Path.of("README.md")));
    try (Stream<Path> docs = Files.list(Path.of("docs"))) {
      docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(documents::add);
    }
    List<String> commands = new ArrayList<>();
    for (Path document : documents) {
      COMMAND
          .matcher(Files.readString(document))
          .results()
          .flatMap(found -> Stream.of(found.group(1).split(" && (?:\\./)?sequor", -1)))
          .forEach(command -> commands.add(document + ": " + command.strip()));
    }
    return commands;
  }

  @ParameterizedTest
  @MethodSource("commands")
  void itIsOneOfTheProgram(String documented) {
    String command = documented.substring(documented.indexOf(": ") + 2);
    List<String> words = words(command);
    CommandLine line = Main.commandLine();
    boolean isNameAlone = true;
    for (String word : words) {
      CommandLine subcommand = line.getSubcommands().get(word);
      if (subcommand != null) {
        line = subcommand;
        continue;
      }
      isNameAlone = false;
      if (word.startsWith("-") && !word.equals("-")) {
        String option = word.replaceFirst("=.*", "");
        CommandLine now = line;
        assertTrue(
            line.getCommandSpec().findOption(option) != null,
            () -> now.getCommandName() + " has no option " + option);
      } else if (line.getParent() == null || line.getCommandSpec().subcommands().size() > 0) {
        throw new AssertionError("there is no command " + word);
      }
    }
    if (!isNameAlone && !PLACEHOLDER.matcher(command).find()) {
      Main.commandLine().parseArgs(words.toArray(String[]::new));
    }
  }

  /** Without the brackets of what may be left out; what is quoted is one. */
  private static List<String> words(String command) {
    return Pattern.compile("\"[^\"]*\"|\\S+")
        .matcher(command.replaceAll("[\\[\\]]", ""))
        .results()
        .map(word -> word.group().replace("\"", ""))
        .toList();
  }

  @Test
  void theyAreFound() throws IOException {
    assertTrue(commands().size() >= 30, () -> "the documentation shows few commands");
  }
}
