package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.model.OutputClusters;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Every number on the command line is either used or refused in one line that names the option, the
 * value and what was needed; every name of a few is taken in any case. The options come from the
 * parser's own description, so that a new one is covered.
 */
class OptionRangesTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir static Path folder;

  private static int outputs;

  private record Target(String command, OptionSpec option) {
    String name() {
      return option.longestName();
    }
  }

  private static List<Target> options() {
    List<Target> targets = new ArrayList<>();
    for (Map.Entry<String, CommandLine> command : EveryCommand.commands().entrySet()) {
      for (OptionSpec option : command.getValue().getCommandSpec().options()) {
        targets.add(new Target(command.getKey(), option));
      }
    }
    return targets;
  }

  private static boolean isNumber(OptionSpec option) {
    return Number.class.isAssignableFrom(option.type())
        || (option.type().isPrimitive() && !option.type().equals(boolean.class));
  }

  /** A run of {@code command} that is over at once, with one option more. */
  private static CommandLineRun run(String command, String option, String value)
      throws IOException {
    if (!Files.exists(folder.resolve("model"))) {
      EveryCommand.prepare(folder);
    }
    List<Object> arguments = new ArrayList<>(EveryCommand.with(command));
    if (command.equals("train")) {
      arguments.addAll(
          List.of("--text", folder.resolve("text.txt"), "--out", folder.resolve("o" + outputs++)));
      arguments.addAll(EveryCommand.smallest());
    } else if (command.equals("diagnose")) {
      arguments.addAll(List.of("--cell=lstm", "--device=java"));
      if (!option.equals("--steps")) {
        arguments.add("--steps=3");
      }
    } else if (Set.of("--cell", "--architecture").contains(option)) {
      arguments.addAll(List.of("--picture", folder.resolve("o" + outputs++ + ".svg")));
    } else if (command.startsWith("demo ")) {
      for (String argument : EveryCommand.arguments(command, "")) {
        arguments.add(argument.replace("=text.txt", "=" + folder.resolve("text.txt")));
      }
    } else if (command.equals("convert")) {
      arguments.addAll(List.of(folder.resolve("model"), folder.resolve("o" + outputs++ + ".onnx")));
    } else if (command.equals("score")) {
      arguments.addAll(
          List.of(
              "--spark=here",
              "--model=" + folder.resolve("model"),
              "--input=rows",
              "--output=scored",
              "--device=java"));
    } else if (command.equals("compare")) {
      arguments.addAll(List.of(folder.resolve("model"), folder.resolve("other-model")));
    } else if (!Set.of("info", "completion").contains(command)) {
      String model = command.equals("predict") ? "table-model" : "model";
      arguments.addAll(List.of(folder.resolve(model), "--device=java"));
      if (command.equals("predict")) {
        arguments.addAll(List.of("--csv", "sunspots"));
      }
      if (command.equals("eval")) {
        arguments.addAll(List.of("--text", folder.resolve("text.txt")));
      }
      if (command.equals("explain")) {
        arguments.add("--text=to be");
      }
    }
    arguments.removeIf(argument -> argument.toString().startsWith(option + "="));
    if (option.equals("--epochs")) {
      arguments.remove("--steps=2");
    }
    arguments.add(option + "=" + value);
    return assertTimeoutPreemptively(PATIENCE, () -> CommandLineRun.of(arguments.toArray()));
  }

  @TestFactory
  Stream<DynamicTest> everyNumberIsUsedOrRefused() {
    return options().stream()
        .filter(target -> isNumber(target.option()))
        .map(
            target ->
                DynamicTest.dynamicTest(
                    target.command() + " " + target.name(), () -> usesOrRefuses(target)));
  }

  private static void usesOrRefuses(Target target) throws IOException {
    NumberRange range = NumberRange.of(target.option());
    assertNotNull(range, target.name() + " has no @Range");
    Set<String> values =
        new LinkedHashSet<>(
            List.of(
                "0",
                "-1",
                "1",
                "NaN",
                "Infinity",
                "-Infinity",
                "1e400",
                "-1e400",
                "1e-400",
                "",
                " ",
                "x",
                "1,5",
                "0x10",
                "1e2147483647"));
    values.addAll(
        List.of(
            Integer.toString(Integer.MIN_VALUE),
            Integer.toString(Integer.MAX_VALUE),
            Long.toString(Long.MIN_VALUE),
            Long.toString(Long.MAX_VALUE),
            "9223372036854775808",
            Float.toString(Float.MIN_VALUE),
            Float.toString(Float.MAX_VALUE),
            Double.toString(Double.MIN_VALUE),
            Double.toString(Double.MAX_VALUE)));
    for (BigDecimal end : new BigDecimal[] {range.least(), range.most()}) {
      if (end != null) {
        values.add(end.subtract(BigDecimal.ONE).toPlainString());
        values.add(end.add(BigDecimal.ONE).toPlainString());
      }
    }
    // So many steps are right, and too long for a test; their product is tested below.
    boolean endless = target.name().equals("--steps") || target.name().equals("--epochs");
    for (String value : values) {
      boolean inRange = parses(value) && range.contains(new BigDecimal(value));
      if (endless && inRange && !value.equals("1")) {
        continue;
      }
      CommandLineRun run = run(target.command(), target.name(), value);
      if (run.code() == 0) {
        assertTrue(parses(value.trim()), target + " took " + value);
        assertTrue(range.contains(new BigDecimal(value.trim())), target + " took " + value);
      } else if (inRange && run.err().contains(" weights; needed at most ")) {
        run.isRefusedWith(2, "the model has "); // It is no option alone that makes a model large.
      } else if (inRange && target.name().equals("--lr") && run.code() == Main.DIVERGED) {
        assertTrue(run.err().contains("the training diverged at step "), run::err);
      } else {
        // A value in the range may still be more than the text or the memory suffices for.
        run.isRefusedWith(
            2, inRange ? target.name().substring(2) : range.refusal(target.option(), value));
      }
    }
  }

  private static boolean parses(String value) {
    try {
      return new BigDecimal(value).abs().compareTo(new BigDecimal("1e300")) < 0;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  @Test
  void productsAreCheckedAsWell() throws IOException {
    run("train", "--epochs", "4000000000000000000")
        .isRefusedWith(2, "--epochs is 4000000000000000000; needed a whole number, 1 to 1000000");
    // 1,961 characters to learn from in 2 streams of 980 steps: 122 windows of 8 an epoch.
    run("train", "--epochs", "1000000000000").isRefusedWith(2, "--epochs is 1000000000000; of ");
  }

  @Test
  void whatIsHugeIsRefusedBeforeItIsAllocated() throws IOException {
    run("train", "--hidden", "8000").isRefusedWith(2, "weights takes at least 8.2");
    run("train", "--hidden", "8000").isRefusedWith(2, "GB; Java's heap may have");
    run("train", "--hidden", "20000").isRefusedWith(2, "weights; needed at most 500000000");
    run("sample", "--length", "1000000000")
        .isRefusedWith(2, "--length 1000000000 takes at least 7");
  }

  @TestFactory
  Stream<DynamicTest> everyNameIsTakenInAnyCase() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Target target : options()) {
      Iterable<String> names = target.option().completionCandidates();
      if (names != null) {
        tests.add(
            DynamicTest.dynamicTest(
                target.command() + " " + target.name(), () -> takesInAnyCase(target, names)));
      }
    }
    assertEquals(
        26,
        tests.size(),
        "--units, --missing, --transform, --task, --optimizer, --schedule, --from, --to, --architecture,"
            + " --handle-invalid; 10 times --device, 3 --weights, 3 --cell");
    return tests.stream();
  }

  private static void takesInAnyCase(Target target, Iterable<String> names) throws IOException {
    List<String> known = new ArrayList<>();
    names.forEach(known::add);
    for (String name : known) {
      Object expected = parsed(target, name);
      assertEquals(expected, parsed(target, name.toUpperCase(Locale.ROOT)));
      assertEquals(
          expected,
          parsed(target, name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1)));
    }
    for (String value : List.of("", "x" + known.get(0), known.get(0) + "x", " " + known.get(0))) {
      run(target.command(), target.name(), value)
          .isRefusedWith(
              2,
              "option '"
                  + target.name()
                  + "'"
                  + list(target)
                  + ": '"
                  + value
                  + "' is unknown; known: ");
      run(target.command(), target.name(), value).isRefusedWith(2, String.join(", ", known));
    }
  }

  /** An option that takes several says what one is. */
  private static String list(Target target) {
    return target.option().isMultiValue() ? " (" + target.option().paramLabel() + ")" : "";
  }

  private static Object parsed(Target target, String value) {
    List<String> arguments =
        EveryCommand.withRequired(target.command(), target.name() + "=" + value);
    if (!Set.of("train", "diagnose", "score").contains(target.command())
        && !target.command().startsWith("demo ")) {
      arguments.addAll(List.of("model"));
    }
    if (target.command().equals("eval")) {
      arguments.add("--text=text");
    }
    if (target.command().equals("convert")) {
      arguments.add("other");
    }
    ParseResult parsed = Main.commandLine().parseArgs(arguments.toArray(String[]::new));
    while (parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
    }
    return parsed.matchedOption(target.name()).getValue();
  }

  private static boolean isCutoffs(OptionSpec option) {
    return option.type().equals(OutputClusters.class);
  }

  @TestFactory
  Stream<DynamicTest> everyListOfCutoffsIsUsedOrRefused() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Target target : options()) {
      if (isCutoffs(target.option())) {
        tests.add(
            DynamicTest.dynamicTest(
                target.command() + " " + target.name(),
                () -> {
                  for (String value :
                      List.of(
                          "",
                          ",",
                          "1,",
                          ",1",
                          "x",
                          "1.5",
                          "0",
                          "-1",
                          "3,3",
                          "3,2",
                          "2147483648",
                          "1;2",
                          "NaN")) {
                    run(target.command(), target.name(), value)
                        .isRefusedWith(
                            2,
                            "option '"
                                + target.name()
                                + "': '"
                                + value
                                + "' was given; needed rising whole numbers from 1");
                  }
                  run(target.command(), target.name(), "1,2147483647")
                      .isRefusedWith(2, "cutoffs is [1, 2147483647]; needed rising numbers, 1 to ");
                  run(target.command(), target.name(), " 1, 2").succeeds();
                }));
      }
    }
    assertEquals(1, tests.size(), "train --cutoffs");
    return tests.stream();
  }

  @Test
  void everyListOfDistancesIsUsedOrRefused() throws IOException {
    for (String value :
        List.of(
            "", ",", "5,", ",5", "x", "5.5", "0", "-5", "4", "9,9", "9,8", "501", "5;9", "NaN")) {
      run("demo agreement", "--distances", value)
          .isRefusedWith(
              2,
              "option '--distances': '"
                  + value
                  + "' was given; needed rising whole numbers, 5 to 500, such as 5,10,20");
    }
    run("demo agreement", "--distances", " 5, 7").succeeds();
  }

  /** A new option of another type needs a thought about what it takes, and a test. */
  @Test
  void everyOptionIsOfAKindThatIsTested() {
    for (Target target : options()) {
      OptionSpec option = target.option();
      assertTrue(
          isNumber(option)
              || option.completionCandidates() != null
              || option.type().equals(boolean.class)
              || option.preprocessor() instanceof Verbatim
              || isCutoffs(option)
              || option.type().equals(Distances.class),
          target.command() + " " + target.name());
    }
  }
}
