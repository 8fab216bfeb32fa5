package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How far a run is, on terminals of any width and elsewhere. */
@EnabledOnOs(OS.LINUX)
class ProgressTest {
  @TempDir Path folder;

  @BeforeEach
  void writeText() throws Exception {
    Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
  }

  private Program.Result train(String columns, String... options) throws Exception {
    List<Object> arguments = new ArrayList<>(List.of("train", "--text=text.txt", "--out=m"));
    arguments.addAll(EveryCommand.smallest());
    Program.Result result =
        new Program(Main.class, folder)
            .options(options)
            .environment("COLUMNS", columns)
            .run(arguments.toArray());
    assertEquals(0, result.code(), result::toString);
    return result;
  }

  @ParameterizedTest(name = "{0} columns")
  @CsvSource({"80, bits/char, true", "132, bits/char, true", "60, bits/char, false", "1, %, false"})
  void theBarIsAsWideAsTheTerminal(int columns, String part, boolean all) throws Exception {
    Program.Result result = train("" + columns, "-Dsequor.terminal=true");
    int width = Math.max(20, columns);
    List<String> bars =
        result
            .err()
            .lines()
            .flatMap(line -> Stream.of(line.split("\r", -1)))
            .filter(line -> line.contains("%"))
            .toList();
    assertFalse(bars.isEmpty(), result::toString);
    for (String bar : bars) {
      assertTrue(bar.length() <= width, bar);
    }
    String last = bars.get(bars.size() - 1);
    if (columns >= 60) {
      assertTrue(last.length() >= width - 2, last);
      assertTrue(last.matches(".*([a-z]/char|chars/s) *"), last); // Nothing is cut off.
    }
    assertTrue(last.contains(part), last);
    assertEquals(all, last.contains("loss "), last);
  }

  /** Where stdout goes elsewhere, Java does not see how wide the terminal of stderr is. */
  @Test
  void theBarIsAsWideAsTheLauncherFound() throws Exception {
    Program.Result result = train("", "-Dsequor.terminal=true", "-Dsequor.columns=120");
    String[] bars = result.err().split("\r", -1);
    assertEquals(120, bars[bars.length - 1].lines().findFirst().orElse("").length(), 2);
  }

  @Test
  void elsewhereItIsLinesWithoutEscapes() throws Exception {
    Program.Result result = train("132");
    assertFalse(result.err().contains("\r") || result.err().contains("\033"), result.err());
    assertTrue(
        result.err().lines().anyMatch(line -> line.startsWith("step 2/2, loss ")), result.err());
  }
}
