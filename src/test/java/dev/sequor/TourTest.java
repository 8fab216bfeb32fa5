package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.DocumentedPrograms.Bound;
import dev.sequor.backend.Devices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The programs in docs/tour.md work as they stand there, and show what is said beside them. */
class TourTest {
  private static final Path TOUR = Path.of("docs/tour.md");
  private static final int MOST_LINES = 26;

  @TempDir Path folder;

  private static final Map<String, Bound> BOUNDS =
      Map.ofEntries(
          Map.entry("Sequences and symbols", new Bound(4, 4)),
          Map.entry("The recurrent network", new Bound(0, 1e-6)),
          Map.entry("Backpropagation through time", new Bound(0, 0.1)),
          Map.entry("Five architectures", new Bound(0.8, 1)),
          Map.entry("A language model", new Bound(1, 2.5)),
          Map.entry("Vanishing gradients", new Bound(0, 1e-3)),
          Map.entry("Exploding gradients", new Bound(0, 0.5)),
          Map.entry("GRU", new Bound(0, 0.2)),
          Map.entry("LSTM", new Bound(0.75, 0.75)),
          Map.entry("Both directions", new Bound(0, 0.2)),
          Map.entry("Deep networks", new Bound(1, 1)),
          Map.entry("Encoder and decoder", new Bound(0.5, 1)),
          Map.entry("Watching a network think", new Bound(0.8, 1)));

  private static final String AUTO = "Devices.auto()";

  /** Where there is a GPU, it is perhaps the simulator. */
  private static final String ON_HOST =
      "Devices.open(\""
          + Devices.survey().stream()
              .filter(status -> status.availability().usable())
              .map(Devices.Status::name)
              .filter(name -> !name.startsWith("cuda"))
              .findFirst()
              .orElseThrow()
          + "\")";

  private static Map<String, String> programs() throws IOException {
    return tour().bodies();
  }

  private static DocumentedPrograms tour() throws IOException {
    return DocumentedPrograms.of(TOUR);
  }

  static Stream<String> titles() throws IOException {
    return programs().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("titles")
  void itRuns(String title) throws Exception {
    String body = Objects.requireNonNull(programs().get(title));
    String printed = JavaText.run(folder, tour().imports(), body.replace(AUTO, ON_HOST));
    Bound bound = BOUNDS.getOrDefault(title, new Bound(0, 0));
    assertTrue(bound.holds(DocumentedPrograms.lastFigure(printed)), printed);
  }

  private static final List<String> PACKAGES =
      List.of(
          "backend",
          "data",
          "diagnose",
          "fit",
          "model",
          "module",
          "report",
          "rnn",
          "serve",
          "study",
          "task");

  /** The rows of the table at the end, without its head. */
  static Stream<List<String>> rows() throws IOException {
    String text = Files.readString(TOUR);
    return text.substring(text.indexOf("## The whole course in one table"))
        .lines()
        .filter(line -> line.startsWith("| "))
        .skip(1)
        .map(line -> List.of(line.substring(2, line.length() - 2).split(" \\| ", -1)));
  }

  private static List<String> quoted(String cell) {
    return Pattern.compile("`([^`]+)`").matcher(cell).results().map(m -> m.group(1)).toList();
  }

  @ParameterizedTest
  @MethodSource("rows")
  void whatTheTableNamesIsThere(List<String> row) throws IOException {
    assertEquals(4, row.size(), row::toString);
    assertFalse(row.get(0).isBlank(), row::toString);
    assertFalse(quoted(row.get(1)).isEmpty(), row::toString);
    for (String name : quoted(row.get(1))) {
      String[] parts = name.split("\\.", 2);
      Class<?> type = type(parts[0]);
      assertTrue(
          parts.length == 1
              || Stream.of(type.getMethods()).anyMatch(m -> m.getName().equals(parts[1]))
              || Stream.of(type.getFields()).anyMatch(f -> f.getName().equals(parts[1])),
          () -> type + " has no " + parts[1]);
    }
    assertTrue(
        quoted(row.get(2)).stream().anyMatch(words -> words.startsWith("sequor ")),
        row::toString); // DocumentedCommandsTest looks at them.
    assertFalse(quoted(row.get(3)).isEmpty(), row::toString);
    for (String test : quoted(row.get(3))) {
      try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
        assertTrue(
            files.anyMatch(file -> file.endsWith(test + ".java")), () -> "there is no " + test);
      }
    }
  }

  private static Class<?> type(String name) {
    for (String each : PACKAGES) {
      try {
        return Class.forName("dev.sequor." + each + "." + name);
      } catch (ClassNotFoundException e) {
        // In another one.
      }
    }
    throw new AssertionError("no package has a " + name);
  }

  @Test
  void theTableIsWhole() throws IOException {
    assertTrue(rows().count() >= 20);
  }

  @Test
  void theyAreShortAndAllAreKnown() throws IOException {
    tour().requireKnownAndShort(BOUNDS.keySet(), MOST_LINES);
  }
}
