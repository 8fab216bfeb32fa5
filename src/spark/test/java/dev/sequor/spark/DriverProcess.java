package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** The command line of Spark in a process of its own, which may be killed. */
final class DriverProcess implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 600;

  private final Process process;
  private final Path out;
  private final Path err;

  private DriverProcess(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /**
   * How it ended.
   *
   * @param code the exit code
   * @param out what it wrote to stdout
   * @param err what it wrote to stderr, without what Java says of itself
   */
  record Result(int code, String out, String err) {
    void succeeds() {
      assertEquals(0, code, this::toString);
    }
  }

  /**
   * Starts a driver.
   *
   * @param master as spark-submit hands it over; empty for none
   */
  static DriverProcess start(Path folder, String master, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // What Spark needs opened, as this process has it.
    for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (option.startsWith("--add-") || option.startsWith("-XX:+Ignore")) {
        command.add(option);
      }
    }
    command.add("-Xmx512m");
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-Dspark.ui.enabled=false");
    command.add("-Dspark.driver.host=127.0.0.1");
    command.add("-Dspark.driver.bindAddress=127.0.0.1");
    if (!master.isEmpty()) {
      command.add("-Dspark.master=" + master);
    }
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add("dev.sequor.spark.SparkCommand");
    command.addAll(arguments);
    Path out = Files.createTempFile(folder, "driver", ".out");
    Path err = Files.createTempFile(folder, "driver", ".err");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return new DriverProcess(process, out, err);
  }

  /** Runs one to its end. */
  static Result run(Path folder, String master, List<String> arguments) throws Exception {
    try (DriverProcess driver = start(folder, master, arguments)) {
      return driver.result();
    }
  }

  private Result result() throws Exception {
    assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it does not end");
    StringBuilder said = new StringBuilder();
    Files.readString(err, StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !line.startsWith("WARNING: Using incubator modules"))
        .forEach(line -> said.append(line).append('\n'));
    return new Result(
        process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), said.toString());
  }

  /** Waits for something while it runs. */
  void awaitUntil(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.call()) {
      assertTrue(process.isAlive(), () -> "it has ended: " + read());
      assertTrue(System.nanoTime() < end, () -> "that does not happen: " + read());
      Thread.sleep(5);
    }
  }

  private String read() {
    try {
      return Files.readString(err, StandardCharsets.UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** As kill -9 does. */
  void kill() throws InterruptedException {
    process.destroyForcibly();
    assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it does not end");
  }

  /** Leaves no process behind. */
  @Override
  public void close() {
    process.destroyForcibly();
  }
}
