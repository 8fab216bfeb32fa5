package dev.sequor.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The environment of everything that is timed: as this process has it, without what steers one of
 * the libraries (an older instruction set, fewer threads, another allocator), so that no ratio is
 * won by a handicap; and with what is meant for it.
 */
final class ChildEnvironment {
  private static final List<String> STEERING = steering();

  /** OpenBLAS says once, at its start, for which processor it takes its kernels. */
  static final Map<String, String> GIVEN = Map.of("OPENBLAS_VERBOSE", "2");

  private ChildEnvironment() {}

  private static List<String> steering() {
    try (InputStream in =
        Objects.requireNonNull(ChildEnvironment.class.getResourceAsStream("steering-variables"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What a child gets. */
  static Map<String, String> of(Map<String, String> inherited, Entrant entrant) {
    Map<String, String> environment = new TreeMap<>(inherited);
    environment.keySet().removeIf(ChildEnvironment::steers);
    environment.putAll(GIVEN);
    environment.putAll(entrant.allocator().environment());
    environment.putAll(entrant.environment());
    return environment;
  }

  /** The variables that are set and that no child gets. */
  static List<String> withheld(Map<String, String> inherited) {
    return inherited.keySet().stream().filter(ChildEnvironment::steers).sorted().toList();
  }

  private static boolean steers(String variable) {
    return STEERING.stream()
        .anyMatch(name -> name.endsWith("_") ? variable.startsWith(name) : variable.equals(name));
  }
}
