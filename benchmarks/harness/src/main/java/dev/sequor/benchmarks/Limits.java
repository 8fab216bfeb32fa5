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
   * The time of each pass over the recurrent weights: one product of a time step after the other,
   * each no faster than its arithmetic, and no faster than its weights can be read.
   */
  private double recurrentMillis(Case what) {
    return Math.max(what.recurrentFlops() / fmaGflops * 1e-6, readMillis(what));
  }

  private double readMillis(Case what) {
    double bytes = (double) what.recurrentWeightBytes() * what.timeSteps();
    return bytes / readGigabytes.get(what.recurrentWeightBytes()) * 1e-6;
  }

  /** What all threads need for {@code what} at least, in milliseconds. */
  double millis(Case what) {
    int passes = what.recurrentPasses();
    double rest = what.flops() - passes * what.recurrentFlops();
    return rest / fmaGflops * 1e-6 + passes * recurrentMillis(what);
  }

  /** Whether reading the weights, and not arithmetic, is what each time step waits for. */
  boolean readingIsTheLimit(Case what) {
    return readMillis(what) > what.recurrentFlops() / fmaGflops * 1e-6;
  }
}
