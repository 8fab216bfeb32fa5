package dev.sequor.benchmarks.devices;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * What was measured of one workload on one device. Times are of single calls.
 *
 * @param threads of the host that compute; null for a GPU
 * @param p95Millis 95 of 100 calls took no longer
 * @param device in its own words
 * @param driver null where there is none
 */
@JsonPropertyOrder({
  "system",
  "cell",
  "pass",
  "T",
  "B",
  "H",
  "threads",
  "medianMillis",
  "minMillis",
  "p95Millis",
  "maxMillis",
  "repetitions",
  "device",
  "driver"
})
@JsonInclude(JsonInclude.Include.NON_NULL)
record Row(
    @JsonIgnore Workload what,
    @JsonIgnore String deviceId,
    Integer threads,
    double medianMillis,
    double minMillis,
    double p95Millis,
    double maxMillis,
    long repetitions,
    String device,
    String driver) {

  static Row of(Workload what, Device device, Timing timing) {
    return new Row(
        what,
        device.id(),
        device.threads(),
        rounded(timing.medianMillis()),
        rounded(timing.minMillis()),
        rounded(timing.p95Millis()),
        rounded(timing.maxMillis()),
        timing.repetitions(),
        device.name(),
        device.driver());
  }

  /** To four digits, but nothing finer than a nanosecond: more would only look exact. */
  private static double rounded(double millis) {
    BigDecimal digits = new BigDecimal(millis).round(new MathContext(4));
    return digits
        .setScale(Math.min(6, Math.max(0, digits.scale())), RoundingMode.HALF_UP)
        .doubleValue();
  }

  @JsonProperty("system")
  String system() {
    return "sequor-" + deviceId;
  }

  @JsonProperty("cell")
  String cell() {
    return what.cell() == null ? null : what.cell().name();
  }

  @JsonProperty("pass")
  String pass() {
    return what.pass().id();
  }

  @JsonProperty("T")
  int timeSteps() {
    return what.shape().timeSteps();
  }

  @JsonProperty("B")
  int batchSize() {
    return what.shape().batchSize();
  }

  @JsonProperty("H")
  int hiddenSize() {
    return what.shape().hiddenSize();
  }
}
