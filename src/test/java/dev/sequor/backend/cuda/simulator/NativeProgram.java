package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A program that has ended: one of those that use the driver without a JVM, or a script. */
record NativeProgram(int code, String output) {
  /** Where {@code ci/build-driver-program} puts them in the tests. */
  static final Path BUILD = Path.of("target/kernel-cases");

  static NativeProgram run(Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("SEQUOR_SIMULATOR_KERNELS"); // of tests that run interpreted
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new NativeProgram(process.waitFor(), output);
  }

  static NativeProgram run(String... command) throws IOException, InterruptedException {
    return run(Map.of(), List.of(command));
  }

  /** The simulator's folder: the first in which the tests' loader looks. */
  static Path simulator() {
    return Path.of(System.getenv("LD_LIBRARY_PATH").split(":", -1)[0]);
  }

  NativeProgram require(int expected) {
    assertEquals(expected, code, output);
    return this;
  }
}
