package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Under AddressSanitizer ({@code ci/verify asan}) a kernel's bad write is reported with its line.
 */
class SimulatorSanitizerTest extends SimulatorTest {
  @Test
  void outOfBoundsWriteIsReportedWithItsLine() throws IOException, InterruptedException {
    assumeTrue(control.get(Field.SANITIZED) == 1, "not built for AddressSanitizer");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                PlantedFault.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertNotEquals(SUCCESS, process.waitFor());
    assertTrue(output.contains("AddressSanitizer: heap-buffer-overflow"), output);
    assertTrue(output.contains("native/simulator/faults.cu:" + plantedLine()), output);
  }

  private static int plantedLine() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("native/simulator/faults.cu"));
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).contains("if (i <= n) to[i] = 1.0f;")) {
        return i + 1;
      }
    }
    throw new AssertionError("the planted fault is gone");
  }
}
