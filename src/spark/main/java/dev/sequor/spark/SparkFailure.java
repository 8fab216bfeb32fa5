package dev.sequor.spark;

import java.io.IOException;

/** What Spark throws, in the words of whoever failed. */
final class SparkFailure {
  private SparkFailure() {}

  /**
   * Throws what an executor or a planner has thrown, without what Spark wraps it in: exceptions
   * that are checked, though Scala does not declare them.
   *
   * @return never
   * @throws IOException with its first line, where Spark itself failed
   */
  static RuntimeException unwrapped(Throwable thrown) throws IOException {
    if (thrown instanceof IOException own) {
      throw own;
    }
    Throwable said = thrown;
    while (said.getCause() != null && isSparks(said)) {
      said = said.getCause();
    }
    if (said instanceof RuntimeException own && !isSparks(said)) {
      throw own;
    }
    String line = String.valueOf(said.getMessage()).lines().findFirst().orElse("");
    throw new IOException(isSparks(said) ? line : said.getClass().getName() + ": " + line, thrown);
  }

  private static boolean isSparks(Throwable thrown) {
    return thrown.getClass().getName().startsWith("org.apache.spark.");
  }
}
