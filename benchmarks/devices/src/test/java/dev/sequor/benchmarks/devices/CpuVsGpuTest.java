package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Devices;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command itself, where the tests' GPU is the simulator. */
class CpuVsGpuTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  @BeforeEach
  void needTheSimulator() {
    assumeTrue(
        Devices.survey().stream()
            .anyMatch(
                s -> s.availability().usable() && s.availability().reason().contains("simulator")),
        "the simulator is not built");
  }

  private int run(String... options) {
    List<String> all =
        new ArrayList<>(
            List.of("--quick", "--cells", "gru", "--shapes", "3,2,8", "--out", folder.toString()));
    all.addAll(List.of(options));
    return CpuVsGpu.commandLine(new PrintStream(printed, true, StandardCharsets.UTF_8))
        .execute(all.toArray(String[]::new));
  }

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private JsonNode json(String file) throws IOException {
    return new ObjectMapper().readTree(folder.resolve(file).toFile());
  }

  @Test
  void refusesTheSimulatorAndMeasuresNothing() throws IOException {
    assertEquals(CpuVsGpu.DEVICE_NOT_USABLE, run());
    assertTrue(printed().startsWith("cuda:0 Sequor simulator is no GPU"), printed());
    assertEquals(List.of(), files());
  }

  @Test
  void marksWhatItWritesOfTheSimulator() throws IOException {
    assertEquals(CpuVsGpu.DONE, run("--simulator"));
    assertEquals(
        List.of("cpu-vs-gpu-SIMULATOR.html", "cpu-vs-gpu-SIMULATOR.json", "jmh.log"), files());
    assertTrue(Files.readString(folder.resolve(files().get(0))).contains("SIMULATOR, NOT A GPU"));
    JsonNode results = json("cpu-vs-gpu-SIMULATOR.json");
    assertTrue(results.get("simulator").asText().startsWith("SIMULATOR"));
    assertEquals(2, results.get("agreement").size());
    assertEquals(8, results.get("rows").size()); // two copies and two passes on two devices
    assertEquals(3, results.get("crossovers").size());
    JsonNode row = results.get("rows").get(5);
    assertEquals("sequor-cuda:0", row.get("system").asText());
    assertEquals("GRU_RESET_BEFORE", row.get("cell").asText());
    assertEquals("forward", row.get("pass").asText());
    assertEquals("3 2 8", row.get("T") + " " + row.get("B") + " " + row.get("H"));
    assertTrue(row.get("repetitions").asLong() > 0);
    double median = row.get("medianMillis").asDouble();
    assertTrue(median > 0 && median >= row.get("minMillis").asDouble());
    assertTrue(median <= row.get("maxMillis").asDouble());
    assertEquals("for CUDA 13.0", row.get("driver").asText());
  }

  @Test
  void measuresTheCpuWhereAGpuIsMissing() throws IOException {
    assertEquals(CpuVsGpu.DEVICE_NOT_USABLE, run("--devices", "cpu,cuda:7"));
    assertTrue(
        printed().startsWith("No GPU is measured: device 'cuda:7' does not exist"), printed());
    assertTrue(printed().contains("No crossover: no GPU was measured."));
    JsonNode results = json("cpu-vs-gpu.json");
    assertFalse(results.has("simulator"));
    assertTrue(results.get("skipped").has("cuda:7"));
    assertEquals(4, results.get("rows").size());
  }

  @Test
  void stopsBeforeTimingWhereResultsDiffer() throws IOException {
    assertEquals(CpuVsGpu.FAILED, run("--simulator", "--tolerance", "1e-30"));
    assertTrue(
        printed().contains("MISMATCH: GRU_RESET_BEFORE forward T,B,H=3,2,8: y of cuda:0 differs"));
    assertEquals(List.of(), files());
  }

  @Test
  void refusesBadOptions() {
    assertEquals(2, run("--shapes", "1,2"));
    assertEquals(2, run("--devices", "cuda:x"));
    assertEquals(2, run("--cells", "transformer"));
  }
}
