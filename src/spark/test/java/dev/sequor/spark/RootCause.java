package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertThrows;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** What an executor has thrown; Spark wraps it in where and how often it was tried. */
final class RootCause {
  private RootCause() {}

  static Throwable of(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  /** Requires that collecting these rows fails. */
  static Throwable ofCollecting(Dataset<Row> rows) {
    return of(assertThrows(Exception.class, rows::collectAsList));
  }
}
