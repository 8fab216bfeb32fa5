package dev.sequor.benchmarks;

/**
 * Enough of a result tensor to tell whether two systems computed the same one, small enough to
 * send.
 *
 * @param elements how many it has
 * @param norm Euclidean norm
 * @param projection sum of all elements with random signs, so that an error anywhere shows
 * @param samples elements spread over the whole
 */
public record Digest(int elements, double norm, double projection, float[] samples) {
  private static final int SAMPLES = 500;

  /** The digest of a tensor. */
  public static Digest of(float[] tensor) {
    double squares = 0;
    double projection = 0;
    for (int i = 0; i < tensor.length; i++) {
      squares += (double) tensor[i] * tensor[i];
      projection += Problem.mix(i) < 0 ? -tensor[i] : tensor[i];
    }
    float[] samples = new float[Math.min(SAMPLES, tensor.length)];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = tensor[(int) ((long) i * (tensor.length - 1) / Math.max(1, samples.length - 1))];
    }
    return new Digest(tensor.length, Math.sqrt(squares), projection, samples);
  }

  /**
   * An estimate of {@code ‖this − reference‖ / ‖reference‖}: the larger of what the samples and the
   * projection say. NaN if anything is.
   */
  public double errorAgainst(Digest reference) {
    if (elements != reference.elements) {
      return Double.POSITIVE_INFINITY;
    }
    double difference = 0;
    double size = 0;
    for (int i = 0; i < samples.length; i++) {
      double d = (double) samples[i] - reference.samples[i];
      difference += d * d;
      size += (double) reference.samples[i] * reference.samples[i];
    }
    double bySamples = Math.sqrt(difference / size);
    double byProjection = Math.abs(projection - reference.projection) / reference.norm;
    double byNorm = Math.abs(norm - reference.norm) / reference.norm;
    return Math.max(bySamples, Math.max(byProjection, byNorm));
  }
}
