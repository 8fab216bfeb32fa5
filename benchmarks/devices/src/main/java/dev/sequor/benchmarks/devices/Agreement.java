package dev.sequor.benchmarks.devices;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.Locale;
import java.util.Map;

/**
 * How far a device's results are from another's at one workload: the worst of its tensors.
 *
 * @param tensor the worst one
 * @param relativeL2 {@code ‖a − b‖ / ‖b‖} over all its elements
 * @param relativeLinf {@code max|a − b| / max|b|}
 * @param tolerance what {@code relativeL2} may be
 */
@JsonPropertyOrder({"device", "reference", "cell", "pass", "T", "B", "H"})
record Agreement(
    @JsonIgnore Workload what,
    String device,
    String reference,
    String tensor,
    double relativeL2,
    double relativeLinf,
    double tolerance) {

  /** Float32 sums of different order, compounded over the time steps. */
  private static final double FP32 = 1e-4;

  /** Operands of 11 significant bits. */
  private static final double ELEVEN_BITS = 5e-3;

  /** Operands of 8 significant bits. */
  private static final double EIGHT_BITS = 4e-2;

  static Agreement of(
      Workload what,
      Device device,
      Map<String, float[]> results,
      Device reference,
      Map<String, float[]> expected,
      double tolerance) {
    Agreement worst = null;
    for (Map.Entry<String, float[]> tensor : expected.entrySet()) {
      float[] a = results.get(tensor.getKey());
      float[] b = tensor.getValue();
      double difference = 0;
      double size = 0;
      double largestDifference = 0;
      double largest = 0;
      for (int i = 0; i < b.length; i++) {
        double d = Math.abs((double) a[i] - b[i]);
        difference += d * d;
        size += (double) b[i] * b[i];
        largestDifference = Math.max(largestDifference, d); // which keeps NaN
        largest = Math.max(largest, Math.abs(b[i]));
      }
      Agreement here =
          new Agreement(
              what,
              device.id(),
              reference.id(),
              tensor.getKey(),
              Math.sqrt(difference / size),
              largestDifference / largest,
              tolerance);
      // NaN counts as the largest.
      if (worst == null || Double.compare(here.relativeL2, worst.relativeL2) > 0) {
        worst = here;
      }
    }
    return worst;
  }

  /** A device's name has the type of its products' operands last, unless that is float32. */
  static double tolerance(String deviceName) {
    if (deviceName.endsWith("(tf32)") || deviceName.endsWith("(fp16)")) {
      return ELEVEN_BITS;
    }
    return deviceName.contains("bf16") ? EIGHT_BITS : FP32;
  }

  /** Also false where either has a NaN, or the reference nothing but zeros. */
  @JsonIgnore
  boolean holds() {
    return relativeL2 <= tolerance;
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

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s: %s of %s differs from that of %s by %.2g of the norm (%.2g allowed; L∞ %.2g)",
        what,
        tensor,
        device,
        reference,
        relativeL2,
        tolerance,
        relativeLinf);
  }
}
