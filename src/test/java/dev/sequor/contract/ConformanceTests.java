package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;

/**
 * Other projects' published numbers as tests of a solver: all that the folder holds, whatever that
 * is. Each case is run, or refused for one of the reasons here; and of each kind of case that there
 * is at least one is run.
 */
final class ConformanceTests {
  /** Why the library has no such layer. */
  private static final Set<String> REASONS =
      Set.of(
          ConformanceFiles.TO_BE_REJECTED,
          ConformanceFiles.A_LAYER_ON_TOP,
          OnnxNodeCase.SEVERAL_LAYERS,
          OnnxNodeCase.UNKNOWN_ACTIVATIONS,
          OnnxNodeCase.COUPLED_OTHERWISE,
          OnnxNodeCase.CLIPPED_PROJECTION);

  private ConformanceTests() {}

  static Stream<DynamicNode> of(Solver solver) {
    Path folder = ConformanceFiles.folder();
    assumeTrue(Files.isDirectory(folder), () -> "there is no folder " + folder.toAbsolutePath());
    return of(solver, folder);
  }

  static Stream<DynamicNode> of(Solver solver, Path folder) {
    List<DynamicNode> nodes = new ArrayList<>();
    Set<String> kinds = new TreeSet<>();
    Set<String> run = new TreeSet<>();
    Set<String> reasons = new TreeSet<>();
    for (String file : ConformanceFiles.names(folder)) {
      List<DynamicNode> tests = new ArrayList<>();
      for (ConformanceCase c : ConformanceFiles.read(folder, file)) {
        String reason = c.unsupported();
        if (reason == null) {
          tests.add(dynamicTest(c.id(), () -> c.run().accept(solver)));
          run.add(c.kind());
        } else {
          reasons.add(reason);
        }
        if (!ConformanceFiles.TO_BE_REJECTED.equals(reason)) {
          kinds.add(c.kind());
        }
      }
      nodes.add(dynamicContainer(file, tests));
    }
    nodes.add(dynamicTest("there are cases", () -> assertFalse(run.isEmpty(), folder.toString())));
    nodes.add(dynamicTest("of each kind one is run", () -> assertEquals(kinds, run)));
    nodes.add(
        dynamicTest(
            "every refusal has a reason",
            () -> {
              reasons.removeAll(REASONS);
              assertEquals(Set.of(), reasons);
            }));
    return nodes.stream();
  }
}
