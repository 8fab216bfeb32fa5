package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;

/**
 * A machine's limits.
 *
 * @param fmaGflops float32 arithmetic of all threads
 * @param fmaGflopsOneThread of one
 * @param readGigabytes by bytes that all threads together read again and again, how many gigabytes
 *     a second they read
 */
record Limits(
    @JsonProperty("fmaPeakGflops") double fmaGflops,
    @JsonProperty("fmaPeakGflopsOneThread") double fmaGflopsOneThread,
    @JsonProperty("readGigabytesPerSecond") Map<Long, Double> readGigabytes) {

  /**
   * The time of each pass over recurrent weights: one product of a time step after the other, each
   * no faster than its arithmetic, and no faster than its weights can be read.
   */
  private double recurrentMillis(Case what) {
    double reading = stepReadMillis(what);
    double millis = 0;
    for (int rows : what.shape().rowsOfSteps()) {
      millis += Math.max(rows * rowMillis(what), reading);
    }
    return millis;
  }

  private double rowMillis(Case what) {
    return what.recurrentRowFlops() / fmaGflops * 1e-6;
  }

  private double stepReadMillis(Case what) {
    long bytes = what.recurrentWeightBytes();
    return bytes / readGigabytes.get(bytes) * 1e-6;
  }

  /** What all threads need for {@code what} at least, in milliseconds. */
  double millis(Case what) {
    int passes = what.recurrentPasses();
    double rest = what.flops() - passes * what.shape().rows() * what.recurrentRowFlops();
    return rest / fmaGflops * 1e-6 + passes * recurrentMillis(what);
  }

  /** Whether reading the weights, and not arithmetic, is what most time steps wait for. */
  boolean readingIsTheLimit(Case what) {
    return stepReadMillis(what) * what.timeSteps() > what.shape().rows() * rowMillis(what);
  }
}
