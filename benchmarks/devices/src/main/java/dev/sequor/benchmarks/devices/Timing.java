package dev.sequor.benchmarks.devices;

import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.util.Statistics;

/** Times of single calls. */
record Timing(
    double medianMillis, double minMillis, double p95Millis, double maxMillis, long repetitions) {
  /** What JMH has of a benchmark in {@code SampleTime} mode and milliseconds. */
  static Timing of(Result<?> samples) {
    if (!samples.getScoreUnit().equals("ms/op")) {
      throw new IllegalArgumentException(
          "JMH's result is in " + samples.getScoreUnit() + "; needed ms/op");
    }
    Statistics statistics = samples.getStatistics();
    return new Timing(
        statistics.getPercentile(50),
        statistics.getMin(),
        statistics.getPercentile(95),
        statistics.getMax(),
        statistics.getN());
  }
}
