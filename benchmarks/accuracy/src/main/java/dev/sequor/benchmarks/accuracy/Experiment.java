package dev.sequor.benchmarks.accuracy;

import dev.sequor.backend.Backend;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** A published result, and how it is reached here. */
interface Experiment {
  /** What the command line calls it. */
  String name();

  /** What is trained, each by itself. */
  List<String> variants();

  /** What the name of a variant stands for in the report, for example {@code cell}. */
  String variantIs();

  /** The figure that counts, for example {@code testNegativeLogLikelihood}. */
  String figure();

  /** Where the figure is to be, in words. */
  String bar();

  /** Why it cannot be run here, and the cure; empty if it can. */
  default Optional<String> missing() {
    return Optional.empty();
  }

  /**
   * Trains a variant and gives the figure.
   *
   * @param backend stays the caller's
   * @param seed of everything that is random
   */
  double run(Backend backend, String variant, long seed) throws IOException;
}
