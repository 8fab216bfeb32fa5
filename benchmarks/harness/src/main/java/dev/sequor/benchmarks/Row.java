package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;

/**
 * What was measured of one system at one case.
 *
 * @param setting of its threads and its allocator, the best of those tried
 * @param asItComesMillis the best median with the allocator as it comes, if that was tried
 * @param kernels that its libraries took, see {@link Kernels}; null where nobody asked
 * @param invalid why the times count for nothing, or null
 */
@JsonPropertyOrder({
  "system",
  "cell",
  "pass",
  "T",
  "B",
  "H",
  "L",
  "D",
  "ragged",
  "threads",
  "medianMillis",
  "minMillis",
  "maxMillis",
  "repetitions",
  "setting",
  "asItComesMillis",
  "kernels",
  "invalid"
})
@JsonInclude(JsonInclude.Include.NON_NULL)
record Row(
    @JsonIgnore Case what,
    String system,
    int threads,
    String setting,
    Double asItComesMillis,
    double medianMillis,
    double minMillis,
    double maxMillis,
    int repetitions,
    String kernels,
    String invalid) {

  static final int FEWEST_REPETITIONS = 5;

  static Row of(Case what, Entrant entrant, List<Double> millis, String invalid, Double asItComes) {
    return new Row(
        what,
        entrant.system(),
        entrant.threads(),
        entrant.words(),
        asItComes == null ? null : rounded(asItComes),
        rounded(Statistics.median(millis)),
        rounded(Statistics.min(millis)),
        rounded(Statistics.max(millis)),
        millis.size(),
        null,
        invalid);
  }

  /** The same with the kernels of its libraries. */
  Row withKernels(String words) {
    return new Row(
        what,
        system,
        threads,
        setting,
        asItComesMillis,
        medianMillis,
        minMillis,
        maxMillis,
        repetitions,
        words,
        invalid);
  }

  /** To a tenth of a microsecond: more digits would only look exact. */
  private static double rounded(double millis) {
    return Math.round(millis * 1e4) / 1e4;
  }

  @JsonProperty("cell")
  String cell() {
    return what.cell().name();
  }

  @JsonProperty("pass")
  String pass() {
    return what.pass().id();
  }

  @JsonProperty("T")
  int timeSteps() {
    return what.timeSteps();
  }

  @JsonProperty("B")
  int batchSize() {
    return what.batchSize();
  }

  @JsonProperty("H")
  int hiddenSize() {
    return what.hiddenSize();
  }

  /** Null for one layer. */
  @JsonProperty("L")
  Integer layers() {
    return what.layers() == 1 ? null : what.layers();
  }

  /** Null for one direction. */
  @JsonProperty("D")
  Integer directions() {
    return what.directions() == 1 ? null : what.directions();
  }

  /** Null where all sequences have the same length. */
  @JsonProperty("ragged")
  Boolean ragged() {
    return what.shape().ragged() ? true : null;
  }

  double gflops() {
    return what.flops() / medianMillis * 1e-6;
  }

  boolean valid() {
    return invalid == null;
  }

  /** Whether the median is one of enough repetitions for a ratio to say something. */
  @JsonIgnore
  boolean settled() {
    return repetitions >= FEWEST_REPETITIONS;
  }
}
