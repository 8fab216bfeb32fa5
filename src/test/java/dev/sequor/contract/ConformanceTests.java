package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;

/**
 * Other projects' published numbers as tests of a solver. How many cases run and why the others
 * cannot is asserted too, so that none goes missing unseen.
 */
final class ConformanceTests {
  /** What a file must hold: the cases that run, and those that cannot, by reason. */
  private record Census(String file, int run, Map<String, Integer> unsupported) {}

  private static final List<Census> FILES =
      List.of(
          new Census("onnx_node", 12, Map.of()),
          new Census("ort_rnn", 5, Map.of("activations", 1, "to be rejected, by the facade", 1)),
          new Census("ort_gru", 14, Map.of("activations", 2)),
          new Census(
              "ort_lstm",
              13,
              Map.of("activations", 4, "clip", 1, "coupled input and forget gates", 1)),
          new Census("ort_training_grad", 2, Map.of()),
          new Census("keras", 43, Map.of()),
          new Census("spago", 10, Map.of()),
          new Census("migraphx", 51, Map.of("activations", 1)),
          new Census("tflite", 4, Map.of("projection", 2)),
          new Census("derived_gradients", 17, Map.of("projection", 3)));

  private ConformanceTests() {}

  static Stream<DynamicNode> of(Solver solver) {
    assumeTrue(
        Files.isDirectory(ConformanceFiles.folder()),
        () -> "there is no folder " + ConformanceFiles.folder().toAbsolutePath());
    return FILES.stream().map(census -> dynamicContainer(census.file, tests(census, solver)));
  }

  private static List<DynamicNode> tests(Census census, Solver solver) {
    List<DynamicNode> tests = new ArrayList<>();
    Map<String, Integer> unsupported = new TreeMap<>();
    for (ConformanceCase c : ConformanceFiles.read(census.file)) {
      if (c.unsupported() != null) {
        unsupported.merge(c.unsupported(), 1, Integer::sum);
      } else {
        tests.add(dynamicTest(c.id(), () -> c.run().accept(solver)));
      }
    }
    int run = tests.size();
    tests.add(
        dynamicTest(
            census.file + " runs " + census.run,
            () -> {
              assertEquals(new TreeMap<>(census.unsupported), unsupported);
              assertEquals(census.run, run);
            }));
    return tests;
  }
}
