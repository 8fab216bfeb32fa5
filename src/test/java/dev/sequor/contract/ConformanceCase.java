package dev.sequor.contract;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A published case.
 *
 * @param id its name in the conformance files
 * @param kind what it is a case of: the cell, and forward or gradient
 * @param unsupported why the library has no such layer; null if it has
 * @param run solves the case and checks every number that upstream asserts
 */
record ConformanceCase(String id, String kind, @Nullable String unsupported, Consumer<Solver> run) {
  static ConformanceCase of(String id, String kind, Consumer<Solver> run) {
    return new ConformanceCase(id, kind, null, run);
  }

  /** One that this code cannot read: it fails, for nobody knows what it would have shown. */
  static ConformanceCase unreadable(String id, String kind, RuntimeException e) {
    return of(
        id,
        kind,
        solver -> {
          throw new AssertionError(id + " is not understood: " + e.getMessage(), e);
        });
  }

  static ConformanceCase unsupported(String id, String kind, String reason) {
    return new ConformanceCase(
        id,
        kind,
        reason,
        solver -> {
          throw new AssertionError(id + " is not supported: " + reason);
        });
  }
}
