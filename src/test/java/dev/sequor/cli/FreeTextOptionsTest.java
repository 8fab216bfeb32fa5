package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** A text on the command line reaches its command as it was given, whatever it looks like. */
class FreeTextOptionsTest {
  private static final List<String> NASTY =
      List.of(
          "@secret",
          "@@secret",
          "@",
          "-h",
          "-V",
          "--help",
          "--version",
          "--json",
          "--prime",
          "--prime=x",
          "--no-such-option",
          "-",
          "--",
          "---",
          "-hV",
          "\"quoted\"",
          "'quoted'",
          "\"",
          "'a b",
          "a,b;c|d:e",
          "=",
          "=a=b",
          "${HOME}",
          "${sys:java.home}",
          "${COMPLETION-CANDIDATES}",
          "$HOME `id` %s %n %%",
          "\\n\\\\",
          "\t \n",
          " a ",
          "null",
          "true",
          "_NULL_",
          "#comment",
          "\u00e9\u4e2d\u0660",
          Character.toString(0x1F40B),
          "sample",
          "train");

  @TempDir Path folder;

  @BeforeEach
  void writeFilesThatNobodyAskedFor() throws IOException {
    Files.writeString(folder.resolve("secret"), "--help\n");
  }

  private static List<Map.Entry<String, CommandLine>> commands() {
    return List.copyOf(EveryCommand.commands().entrySet());
  }

  private static boolean isText(ArgSpec argument) {
    return argument.type().equals(Path.class)
        || (argument.type().equals(String.class) && argument.completionCandidates() == null);
  }

  /** Every text option of every command, found in the parser's own description. */
  @TestFactory
  Stream<DynamicTest> everyOptionReceivesWhatWasGiven() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Map.Entry<String, CommandLine> command : commands()) {
      for (OptionSpec option : command.getValue().getCommandSpec().options()) {
        if (isText(option)) {
          String name = option.longestName();
          tests.add(
              DynamicTest.dynamicTest(
                  command.getKey() + " " + name,
                  () -> {
                    for (String text : NASTY) {
                      assertEquals(text, received(command.getKey(), name, name, text));
                      assertEquals(text, received(command.getKey(), name, name + "=" + text));
                    }
                  }));
        }
      }
    }
    assertEquals(
        48,
        tests.size(),
        "train --text --csv --separator --target --inputs --by --out --resume --log --report --tensorboard --spark, sample --prime --stop,"
            + " eval --text --csv --separator, predict --csv --separator --model --input --output, score (8), inspect --picture,"
            + " diagnose --text --report --picture, explain --text --file --search-on --report --picture,"
            + " demo agreement --report --picture, demo clipping --report --picture, demo cells --text --report --picture, compare --report --picture");
    return tests.stream();
  }

  private static String received(String command, String option, String... arguments) {
    List<String> all = EveryCommand.withRequired(command, arguments);
    if (!Set.of("train", "score").contains(command) && !command.startsWith("demo ")) {
      all.add("model");
    }
    ParseResult parsed = Main.commandLine().parseArgs(all.toArray(String[]::new));
    while (parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
    }
    return parsed.matchedOption(option).getValue().toString();
  }

  /** What looks like an option goes after a double dash, as everywhere. */
  @Test
  void everyDirectoryIsTheOneThatWasGiven() {
    for (String text : NASTY) {
      ParseResult parsed =
          Main.commandLine().parseArgs("sample", "--length=3", "--", text).subcommand();
      assertEquals(text, parsed.matchedPositional(0).getValue().toString());
      if (!text.startsWith("-")) {
        parsed = Main.commandLine().parseArgs("sample", text).subcommand();
        assertEquals(text, parsed.matchedPositional(0).getValue().toString());
      }
    }
  }

  @Test
  void everyPrimeIsContinued() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), String.join("\n", NASTY).repeat(20));
    Path model = folder.resolve("model");
    List<Object> train = new ArrayList<>(List.of("train", "--text", text, "--out", model));
    train.addAll(EveryCommand.smallest());
    CommandLineRun.of(train.toArray()).succeeds();
    for (String prime : List.of("@secret", "-h", "--help", "--", "", "\"quoted\"", "${HOME}")) {
      String sampled =
          CommandLineRun.of(
                  "sample", model, "--prime", prime, "--length", 3, "--device=java", "--json")
              .succeeds()
              .json()
              .get("text")
              .asText();
      assertTrue(sampled.startsWith(prime), sampled);
      assertEquals(prime.length() + 3, sampled.codePointCount(0, sampled.length()) + extra(prime));
    }
  }

  private static int extra(String prime) {
    return prime.length() - prime.codePointCount(0, prime.length());
  }

  @Test
  void textsAreGivenOnceAndNamesOfFilesAreNotEmpty() {
    CommandLineRun.of("sample", "model", "--prime", "a", "--prime", "b")
        .isRefusedWith(2, "option '--prime' (TEXT) should be specified only once");
    CommandLineRun.of("sample", "model", "--prime").isRefusedWith(2, "'--prime' (TEXT)");
    for (String option : List.of("--text", "--out", "--resume")) {
      CommandLineRun.of("train", option, "").isRefusedWith(2, "is empty; needed a name");
      CommandLineRun.of("train", option).isRefusedWith(2, "'" + option + "' (");
    }
    CommandLineRun.of("sample", "").isRefusedWith(2, "is empty; needed a name");
  }
}
