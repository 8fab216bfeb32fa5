package dev.sequor.spark;

/**
 * What a round takes, as docs/scaling.md has it: T = K·t(B/W) + F + c·(S + R). What is measured,
 * what is foretold of it and what is predicted of clusters that nobody has tried all use this.
 *
 * @param computeSeconds K·t(B/W), of the slowest worker
 * @param fixedSeconds F, Spark's own
 * @param secondsPerByte c
 * @param bytes S + R
 */
record RoundTime(double computeSeconds, double fixedSeconds, double secondsPerByte, long bytes) {
  /** T. */
  double seconds() {
    return computeSeconds + overheadSeconds();
  }

  /** F + c·(S + R), in which nobody computes. */
  double overheadSeconds() {
    return fixedSeconds + secondsPerByte * bytes;
  }

  /** S, and as much R: the weights or their gradient, and with several steps the moments. */
  static long bytesOneWay(long parameters, int moments, int localSteps) {
    return Float.BYTES * parameters * (localSteps == 1 ? 1 : 1 + moments);
  }
}
