package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What this machine can do at most, measured with the programs in {@code peak/} between the cases:
 * float32 arithmetic in registers, and reading as many bytes as a layer's recurrent weights again
 * and again.
 */
final class MachineLimits {
  private static final int MILLIS = 40;

  private final MeasuringProgram arithmetic;
  private final MeasuringProgram reading;
  private final int cores;
  private final List<Double> oneThread = new ArrayList<>();
  private final List<Double> allThreads = new ArrayList<>();
  private final Map<Long, List<Double>> read = new TreeMap<>();

  private MachineLimits(MeasuringProgram arithmetic, MeasuringProgram reading, int cores) {
    this.arithmetic = arithmetic;
    this.reading = reading;
    this.cores = cores;
  }

  /**
   * Compiles the programs.
   *
   * @param sources their folder
   * @throws IOException if that fails, for want of g++ for example
   */
  static MachineLimits compile(Path sources, Path directory, int cores) throws IOException {
    return new MachineLimits(
        MeasuringProgram.compile(sources.resolve("fma_peak.cpp"), directory),
        MeasuringProgram.compile(sources.resolve("read_bandwidth.cpp"), directory),
        cores);
  }

  /** Measures once what {@code what} may meet. */
  void measure(Case what) throws IOException {
    oneThread.add(arithmetic.measure(1, MILLIS));
    allThreads.add(arithmetic.measure(cores, MILLIS));
    long bytes = what.recurrentWeightBytes();
    read.computeIfAbsent(bytes, b -> new ArrayList<>()).add(reading.measure(cores, bytes, MILLIS));
  }

  /** The median so far. */
  Limits soFar() {
    Map<Long, Double> gigabytes = new TreeMap<>();
    read.forEach((bytes, each) -> gigabytes.put(bytes, rounded(Statistics.median(each))));
    return new Limits(
        rounded(Statistics.median(allThreads)), rounded(Statistics.median(oneThread)), gigabytes);
  }

  private static double rounded(double value) {
    return Math.round(value * 10) / 10.0;
  }
}
