package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What every command prints arrives, or the exit code says that it did not. */
@EnabledOnOs(OS.LINUX)
class CommandOutputTest {
  private static final String FULL = "stdout cannot be written (No space left on device)";

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    EveryCommand.prepare(folder);
  }

  private Program everyCommand() {
    return new Program(EveryCommand.class, folder).environment("LC_ALL", "C.UTF-8");
  }

  /** Requires that every run ended with {@code code}. */
  private void allEndWith(int code, Program.Result result) throws IOException {
    assertEquals(0, result.code(), result::toString);
    result.showsNoTrace();
    List<String> expected =
        EveryCommand.runs().stream().map(run -> code + " " + String.join(" ", run)).toList();
    assertEquals(expected, Files.readAllLines(folder.resolve(EveryCommand.CODES)));
  }

  private void modelsAreSaved() throws IOException {
    for (String out : List.of("out", "out--json")) {
      assertEquals(2, Checkpoint.load(folder.resolve(out)).snapshot().progress().steps());
    }
  }

  @Test
  void outputThatIsLostIsAnErrorOfEveryCommandAndWhatItSavesIsSaved() throws Exception {
    Program.Result result = everyCommand().outTo("/dev/full").run();
    allEndWith(1, result);
    assertEquals(
        EveryCommand.runs().size(),
        result.err().lines().filter(line -> line.contains(FULL)).count(),
        result::toString);
    modelsAreSaved();
  }

  @Test
  void aReaderThatHasSeenEnoughIsNoErrorOfAnyCommand() throws Exception {
    Program.Result result = everyCommand().outToClosedPipe().run();
    allEndWith(0, result);
    assertFalse(result.err().contains("stdout"), result::toString);
    modelsAreSaved();
  }

  @Test
  void theProcessEndsWithThatCode() throws Exception {
    new Program(Main.class, folder).outTo("/dev/full").run("--help").endsWithOneLine(1, FULL);
    Program.Result closed = new Program(Main.class, folder).outToClosedPipe().run("--version");
    assertEquals(new Program.Result(0, "", ""), closed);
  }

  @Test
  void aFailureKeepsItsOwnCodeThoughItsOutputIsLost() throws Exception {
    new Program(Main.class, folder).outTo("/dev/full").run("fly").endsWithOneLine(2, "fly");
  }

  /**
   * Locales in which Java writes other digits, decimal points or letters unless it is told not to:
   * language, country, digits.
   */
  @Test
  void everyCommandPrintsTheSameInEveryLocale() throws Exception {
    Program.Result expected = inLocale("en-US-latn");
    for (String locale : List.of("ar-EG-arab", "hi-IN-deva", "de-DE-latn", "tr-TR-latn")) {
      Program.Result result = inLocale(locale);
      assertEquals(withoutTimes(expected.out()), withoutTimes(result.out()), locale);
      assertEquals(withoutTimes(expected.err()), withoutTimes(result.err()), locale);
      assertEquals(
          -1,
          Files.mismatch(
              folder.resolve("en-US-latn/out/loss.png"), folder.resolve(locale + "/out/loss.png")),
          locale);
      assertEquals(
          locale.endsWith("latn"),
          Files.readString(folder.resolve(locale).resolve(EveryCommand.DIGIT)).equals("1"),
          locale + " is not in force");
    }
  }

  private Program.Result inLocale(String locale) throws Exception {
    Path home = Files.createDirectory(folder.resolve(locale));
    EveryCommand.prepare(home);
    String[] parts = locale.split("-", -1);
    Program.Result result =
        new Program(EveryCommand.class, home)
            .environment("LC_ALL", "C.UTF-8")
            .options(
                "-Duser.language=" + parts[0],
                "-Duser.country=" + parts[1],
                "-Duser.extensions=u-nu-" + parts[2])
            .run();
    assertEquals(0, result.code(), result::toString);
    assertTrue(
        Files.readAllLines(home.resolve(EveryCommand.CODES)).stream()
            .allMatch(line -> line.startsWith("0 ")));
    // What learned from a file says where that lies.
    return new Program.Result(
        result.code(),
        result.out().replace(home.toString(), "HOME"),
        result.err().replace(home.toString(), "HOME"));
  }

  /** Times are the only thing that differs from run to run; only ASCII digits pass for one. */
  private static String withoutTimes(String output) {
    String masked =
        output
            .replaceAll("[0-9.]+ s\\b", "TIME")
            .replaceAll("[0-9,]+ chars/s", "SPEED")
            .replaceAll("(?m)^(\\S+ +[0-9]+ +[0-9,]+ +[0-9.]+) +[0-9.]+$", "$1 TIME")
            .replaceAll("[0-9.]+ times as long", "TIME")
            .replaceAll(
                "(\"seconds\"|\"charactersPerSecond\"|\"medianStepSeconds\"):[0-9.E-]+", "$1");
    assertTrue(masked.contains("TIME") || masked.contains("SPEED"), masked);
    return masked;
  }
}
