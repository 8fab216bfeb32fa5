package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The program that measures a device's constants ({@code native/deviceconstants}), on the
 * simulator, whose times are nothing but whose counts are known.
 */
@Tag("gpu")
class DeviceConstantsTest {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  Path folder;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    assumeTrue(RawCuda.simulated(), "the simulator is not in this build");
    NativeProgram.run("ci/build-driver-program", NativeProgram.BUILD.toString(), "device-constants")
        .require(0);
  }

  private static NativeProgram measure(Path out, Map<String, String> environment, Path driver)
      throws IOException, InterruptedException {
    return NativeProgram.run(
        environment,
        List.of(
            NativeProgram.BUILD.resolve("device-constants").toString(),
            "--driver",
            driver.toString(),
            "--out",
            out.toString()));
  }

  @Test
  void everyConstantIsMeasuredAndTheSimulatorIsSaidToMeasureNothing()
      throws IOException, InterruptedException {
    Path out = folder.resolve("constants.json");
    String table =
        measure(
                out,
                Map.of("SEQUOR_SIMULATOR_MULTIPROCESSORS", "6"),
                NativeProgram.simulator().resolve("libcuda.so.1"))
            .require(0)
            .output();
    assertTrue(table.contains("simulated, these numbers measure nothing"), table);
    JsonNode root = new ObjectMapper().readTree(out.toFile());
    assertTrue(root.get("simulated").asBoolean());
    Map<String, Double> measured = new HashMap<>();
    for (JsonNode constant : root.get("constants")) {
      assertTrue(constant.get("measured").isNumber(), constant::toString);
      measured.put(constant.get("name").asText(), constant.get("measured").asDouble());
    }
    assertEquals(6, measured.get("multiprocessors"));
    assertEquals(6 * 8, measured.get("blocks of 256 threads at once"));
    assertEquals(32, measured.get("step of the timer that kernels read"));
    assertTrue(measured.size() > 30, table);
  }

  @Test
  void aDriverThatIsNotThereIsOneLine() throws IOException, InterruptedException {
    String output =
        measure(folder.resolve("x"), Map.of(), Path.of("nowhere.so")).require(1).output();
    assertTrue(
        output.startsWith("device-constants: the CUDA driver does not load: nowhere.so"), output);
    assertEquals(1, output.lines().count(), output);
  }
}
