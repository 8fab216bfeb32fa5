package dev.sequor.contract;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A published case.
 *
 * @param id its name in the conformance files
 * @param unsupported why the library has no such layer; null if it has
 * @param run solves the case and checks every number that upstream asserts
 */
record ConformanceCase(String id, @Nullable String unsupported, Consumer<Solver> run) {
  static ConformanceCase of(String id, Consumer<Solver> run) {
    return new ConformanceCase(id, null, run);
  }

  static ConformanceCase unsupported(String id, String reason) {
    return new ConformanceCase(
        id,
        reason,
        solver -> {
          throw new AssertionError(id + " is not supported: " + reason);
        });
  }
}
