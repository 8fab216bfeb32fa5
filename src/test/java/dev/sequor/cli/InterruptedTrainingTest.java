package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.io.Checkpoint;
import dev.sequor.report.TrainingRecord;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs stopped from outside, in processes of their own, end with the weights of unstopped ones. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class InterruptedTrainingTest {
  private static final int STEPS = 200;
  private static final long PATIENCE_SECONDS = 120;

  @TempDir Path folder;
  private Path text = Path.of("");
  private final List<Process> started = new ArrayList<>();

  @BeforeEach
  void writeText() throws IOException {
    Random random = new Random(5);
    StringBuilder letters = new StringBuilder();
    for (int i = 0; i < 6000; i++) {
      letters.append((char) ('a' + random.nextInt(26)));
    }
    text = Files.writeString(folder.resolve("text.txt"), letters);
  }

  @AfterEach
  void endWhatIsLeft() {
    started.forEach(Process::destroyForcibly);
  }

  private List<String> settings(Path model, int checkpointInterval) {
    return List.of(
        "--text",
        text.toString(),
        "--out",
        model.toString(),
        "--device",
        "java",
        "--cell",
        "gru",
        "--hidden",
        "24",
        "--layers",
        "2",
        "--dropout",
        "0.3",
        "--embedding",
        "8",
        "--seq-length",
        "16",
        "--batch",
        "4",
        "--schedule",
        "cosine",
        "--steps",
        "" + STEPS,
        "--checkpoint-every",
        "" + checkpointInterval,
        "--quiet");
  }

  private Process start(List<String> arguments) throws IOException {
    return start(arguments, "out.txt", "err.txt");
  }

  private Process start(List<String> arguments, String out, String err) throws IOException {
    List<String> command = new ArrayList<>(List.of("train"));
    command.addAll(arguments);
    return startCommand(command, out, err);
  }

  private Process startCommand(List<String> arguments, String out, String err) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(arguments);
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(new File(folder.toFile(), out))
            .redirectError(new File(folder.toFile(), err))
            .start();
    started.add(process);
    return process;
  }

  /** Shells start background jobs with SIGINT ignored, which every process below inherits. */
  private static void assumeInterruptible() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return;
    }
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("SigIgn:")) {
        long ignored = Long.parseUnsignedLong(line.substring("SigIgn:".length()).trim(), 16);
        assumeTrue((ignored & 2) == 0, "SIGINT is ignored, as in a background job of a shell");
      }
    }
  }

  private void awaitSteps(Process process, Path model, long steps) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (savedSteps(model) < steps) {
      assertTrue(process.isAlive(), () -> "ended early: " + read("err.txt"));
      assertTrue(System.nanoTime() < deadline, "no checkpoint of step " + steps);
      Thread.sleep(2);
    }
  }

  private String read(String name) {
    try {
      return Files.readString(folder.resolve(name));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** The step of the checkpoint in {@code model}, −1 if there is none yet. */
  private static long savedSteps(Path model) throws IOException {
    if (!Checkpoint.existsIn(model)) {
      return -1;
    }
    String name = String.valueOf(Checkpoint.weightsFile(model).getFileName());
    return Long.parseLong(name.replaceAll("model-(\\d+).*", "$1"));
  }

  private byte[] uninterruptedWeights() throws IOException {
    Path model = folder.resolve("uninterrupted");
    List<Object> arguments = new ArrayList<>(List.of("train"));
    arguments.addAll(settings(model, STEPS));
    CommandLineRun.of(arguments.toArray()).succeeds();
    return Files.readAllBytes(Checkpoint.weightsFile(model));
  }

  @ParameterizedTest(name = "after {0} steps or a little more")
  @ValueSource(ints = {1, 37, 120})
  void aKilledRunGoesOnBitForBit(int steps) throws Exception {
    Path model = folder.resolve("killed");
    Process process = start(settings(model, 3));
    awaitSteps(process, model, steps);
    process.destroyForcibly().waitFor();
    long saved = Checkpoint.load(model).snapshot().progress().steps();
    assertTrue(saved >= steps && saved < STEPS, "stopped at step " + saved);

    CommandLineRun.of("train", "--resume", model, "--quiet").succeeds();
    assertArrayEquals(uninterruptedWeights(), Files.readAllBytes(Checkpoint.weightsFile(model)));
  }

  private int end(Process process, String signal) throws Exception {
    new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
    assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
    return process.exitValue();
  }

  /** With the signal's own exit code, and one line for people and one for programs. */
  @ParameterizedTest(name = "SIG{0}, {2}")
  @CsvSource({"INT, 130, --quiet", "TERM, 143, --json"})
  void anInterruptedRunSavesItsLastStepAndSaysSo(String signal, int code, String way)
      throws Exception {
    if (signal.equals("INT")) {
      assumeInterruptible();
    }
    Path model = folder.resolve("interrupted");
    List<String> arguments = new ArrayList<>(settings(model, 3));
    arguments.add(way);
    Path report = folder.resolve("report.html");
    arguments.addAll(List.of("--report", report.toString()));
    Process process = start(arguments.stream().distinct().toList());
    awaitSteps(process, model, 10);
    assertEquals(code, end(process, signal), () -> read("err.txt"));
    long saved = Checkpoint.load(model).snapshot().progress().steps();
    String said = "interrupted at step " + saved + "; go on with: sequor train --resume " + model;
    assertEquals("sequor train: " + said + System.lineSeparator(), read("err.txt"));
    if (way.equals("--json")) {
      assertEquals(1, read("out.txt").lines().count(), () -> read("out.txt"));
      JsonNode json = new ObjectMapper().readTree(read("out.txt"));
      assertEquals(said, json.get("error").asText());
      assertEquals(code, json.get("exitCode").asInt());
      assertEquals(model.toString(), json.get("model").asText());
      assertEquals(saved, json.get("steps").asLong());
    } else {
      assertEquals("", read("out.txt"));
    }

    TrainingRecord record = TrainingRecord.read(report);
    assertEquals(TrainingRecord.State.INTERRUPTED, record.state());
    assertEquals(said, record.events().get(0).words());
    assertEquals(saved, record.lastStep());

    CommandLineRun.of("train", "--resume", model, "--quiet").succeeds();
    assertArrayEquals(uninterruptedWeights(), Files.readAllBytes(Checkpoint.weightsFile(model)));
  }

  /** What saves nothing ends at once, and says so too. */
  @ParameterizedTest(name = "SIG{0}")
  @CsvSource({"INT, 130", "TERM, 143"})
  void otherCommandsSayThatTheyWereInterrupted(String signal, int code) throws Exception {
    if (signal.equals("INT")) {
      assumeInterruptible();
    }
    EveryCommand.prepare(folder);
    String model = folder.resolve("model").toString();
    Process process =
        startCommand(
            List.of("sample", model, "--length=1000000", "--device=java", "--stream", "--json"),
            "out.txt",
            "err.txt");
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (read("err.txt").isEmpty()) {
      assertTrue(System.nanoTime() < deadline, "writes nothing");
      Thread.sleep(2);
    }
    assertEquals(code, end(process, signal), () -> read("err.txt"));
    assertEquals(
        "{\"error\":\"interrupted\",\"exitCode\":" + code + "}" + System.lineSeparator(),
        read("out.txt"));
    assertTrue(read("err.txt").contains("sequor sample: interrupted"));
  }

  @Test
  void aSecondRunIsRefusedUntilTheFirstHasEnded() throws Exception {
    Path model = folder.resolve("held");
    List<String> endless = new ArrayList<>(settings(model, 3));
    endless.set(endless.indexOf("" + STEPS), "1000000");
    Process process = start(endless);
    awaitSteps(process, model, 3);
    CommandLineRun.of("train", "--resume", model, "--quiet")
        .isRefusedWith(2, "another run is writing there");
    CommandLineRun.of("train", "--text", text, "--out", model, "--quiet")
        .isRefusedWith(2, "holds a model already");
    CommandLineRun.of("sample", model, "--length", 5).succeeds(); // Readers need no lock.
    assertTrue(process.isAlive(), () -> read("err.txt"));
    process.destroyForcibly().waitFor();

    // What a killed run held is free, and a run that goes on holds it in its turn.
    long saved = Checkpoint.load(model).snapshot().progress().steps();
    Process resumed = start(List.of("--resume", model.toString(), "--quiet"));
    awaitSteps(resumed, model, saved + 3);
    CommandLineRun.of("train", "--resume", model, "--quiet")
        .isRefusedWith(2, "another run is writing there");
    resumed.destroyForcibly().waitFor();
    saved = Checkpoint.load(model).snapshot().progress().steps();
    CommandLineRun.of("train", "--resume", model, "--steps", saved + 1, "--quiet").succeeds();
  }

  @Test
  void ofRunsThatBeginTogetherInOneDirectoryOneIsDone() throws Exception {
    Path model = folder.resolve("shared");
    List<Process> runs = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      runs.add(start(settings(model, 3), "out" + i + ".txt", "err" + i + ".txt"));
    }
    int done = 0;
    for (int i = 0; i < runs.size(); i++) {
      assertTrue(runs.get(i).waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
      String error = read("err" + i + ".txt");
      if (runs.get(i).exitValue() == 0) {
        done++;
      } else {
        assertEquals(2, runs.get(i).exitValue(), error);
        assertEquals(1, error.lines().count(), error);
      }
    }
    assertEquals(1, done);
    assertArrayEquals(uninterruptedWeights(), Files.readAllBytes(Checkpoint.weightsFile(model)));
  }
}
