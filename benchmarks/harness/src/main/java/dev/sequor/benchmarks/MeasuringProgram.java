package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program of {@code peak/} that prints one number, compiled for this processor. */
final class MeasuringProgram {
  private final Path program;

  private MeasuringProgram(Path program) {
    this.program = program;
  }

  /**
   * Compiles it.
   *
   * @throws IOException if that fails, for want of g++ for example
   */
  static MeasuringProgram compile(Path source, Path directory) throws IOException {
    Files.createDirectories(directory);
    Path program = directory.resolve(source.getFileName().toString().replaceFirst("\\.cpp$", ""));
    List<String> command = new ArrayList<>(List.of("g++", "-std=c++17", "-O3", "-march=native"));
    if (System.getProperty("os.arch").equals("amd64")) {
      command.add("-mprefer-vector-width=512");
    }
    command.addAll(List.of(source.toString(), "-o", program.toString(), "-lpthread"));
    run(command);
    return new MeasuringProgram(program);
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

  /** What it prints. */
  double measure(Object... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return Double.parseDouble(run(command));
  }
}
