package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.DocumentedPrograms.Bound;
import dev.sequor.backend.Devices;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The programs in docs/programs.md work as they stand there, on every device. */
class ProgramsTest {
  private static final int MOST_LINES = 25;

  @TempDir Path folder;

  /** The figure that a program prints last is below, or above, a bound: it has learned. */
  private static final Map<String, Bound> BOUNDS =
      Map.ofEntries(
          Map.entry("A forecaster of a real-valued series", new Bound(0, 0.3)),
          Map.entry("A classifier of padded sequences", new Bound(0.9, 1)),
          Map.entry("A fit with validation", new Bound(0.88, 1)),
          Map.entry("A bidirectional tagger", new Bound(0, 0.1)),
          Map.entry("Streaming inference", new Bound(0, 1e-5)),
          Map.entry("A recurrent stack alone", new Bound(0, 0.01)),
          Map.entry("Two stacks, the second from the first one's final state", new Bound(0, 1.0)),
          Map.entry("A transcriber, without alignment", new Bound(0, 0.05)),
          Map.entry("A translator", new Bound(0.3, 1)),
          Map.entry("A forecast from a table", new Bound(0, 0.6)),
          Map.entry("One model for many threads", new Bound(0, 1e-5)));

  private static DocumentedPrograms programs() throws IOException {
    return DocumentedPrograms.of(Path.of("docs/programs.md"));
  }

  static Stream<Arguments> runs() throws IOException {
    List<Arguments> runs = new ArrayList<>();
    for (String title : programs().bodies().keySet()) {
      Devices.survey().stream()
          .filter(status -> status.availability().usable())
          .forEach(status -> runs.add(Arguments.of(title, status.name())));
    }
    return runs.stream();
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("runs")
  void itRuns(String title, String device) throws Exception {
    String program = Objects.requireNonNull(programs().bodies().get(title));
    boolean small = device.equals("cuda"); // perhaps the simulator, which takes its time
    String text = program.replace("Devices.auto()", "Devices.open(\"" + device + "\")");
    if (small) {
      text =
          text.replaceAll("step (<=?) \\d+", "step $1 6")
              .replace("step % 50 == 49", "step % 3 == 2")
              .replace("Fit.epochs(30)", "Fit.steps(11)");
    }
    String printed = JavaText.run(folder, programs().imports(), text);
    double last = DocumentedPrograms.lastFigure(printed);
    Bound bound = BOUNDS.getOrDefault(title, new Bound(0, 0));
    boolean learned = bound.holds(last);
    assertTrue(small ? last >= 0 : learned, printed);
  }

  @Test
  void theyAreShortAndAllAreKnown() throws IOException {
    programs().requireKnownAndShort(BOUNDS.keySet(), MOST_LINES);
  }
}
