package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The machine's float32 limit, measured with {@code peak/fma_peak.cpp} between the cases. */
final class FmaPeak {
  private static final String MILLIS = "40";

  private final Path program;
  private final int cores;
  private final List<Double> oneThread = new ArrayList<>();
  private final List<Double> allThreads = new ArrayList<>();

  private FmaPeak(Path program, int cores) {
    this.program = program;
    this.cores = cores;
  }

  /**
   * Compiles the program.
   *
   * @throws IOException if that fails, for want of g++ for example
   */
  static FmaPeak compile(Path source, Path directory, int cores) throws IOException {
    Files.createDirectories(directory);
    Path program = directory.resolve("fma_peak");
    List<String> command = new ArrayList<>(List.of("g++", "-O3", "-march=native"));
    if (System.getProperty("os.arch").equals("amd64")) {
      command.add("-mprefer-vector-width=512");
    }
    command.addAll(List.of(source.toString(), "-o", program.toString(), "-lpthread"));
    run(command);
    return new FmaPeak(program, cores);
  }

  private static String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    try {
      if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0) {
        throw new IOException(command.get(0) + " failed: " + output);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return output;
  }

  /** Measures once, with one thread and with all. */
  void measure() throws IOException {
    oneThread.add(Double.parseDouble(run(List.of(program.toString(), "1", MILLIS))));
    allThreads.add(
        Double.parseDouble(run(List.of(program.toString(), Integer.toString(cores), MILLIS))));
  }

  /** The median so far, in GFLOP/s. */
  double gflops(int threads) {
    return Statistics.median(threads == 1 ? oneThread : allThreads);
  }
}
