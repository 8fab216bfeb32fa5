package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code train --device} with a list. */
class TrainOnSeveralDevicesTest {
  @TempDir private Path folder = Path.of("");

  private static CommandLineRun train(Path out, String device, int steps) {
    return CommandLineRun.of(
        "train",
        "--task",
        "adding",
        "--batch",
        6,
        "--device",
        device,
        "--steps",
        steps,
        "--out",
        out,
        "--json");
  }

  @Test
  void aRunGoesOnOnOneDeviceAndBackAndTwoRunsHaveTheSameBits() throws IOException {
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    CommandLineRun run = train(first, "java,java", 10).succeeds();
    String device = run.json().get("device").asText();
    assertTrue(device.matches("java .* \\+ java .*"), device);
    train(second, "java,java", 10).succeeds();
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(first)),
        Files.readAllBytes(Checkpoint.weightsFile(second)));
    CommandLineRun.of("train", "--resume", first, "--device", "java", "--steps", 15).succeeds();
    CommandLineRun last =
        CommandLineRun.of(
                "train", "--resume", first, "--device", "java,java,java", "--steps", 20, "--json")
            .succeeds();
    assertEquals(20, last.json().get("steps").asLong());
  }

  @Test
  void listsThatAreNoneAreRefused() {
    Path out = folder.resolve("none");
    train(out, "java,auto", 10).isRefusedWith(2, "has 'auto' in it");
    train(out, "java,cpu", 10).isRefusedWith(2, "needed devices of one kind");
    train(out, "java,gpu", 10).isRefusedWith(2, "'gpu' is unknown");
    train(out, "cuda:0,cuda:0", 10).isRefusedWith(2, "twice");
    assertTrue(Files.notExists(out));
  }

  @Test
  void otherCommandsNeedOneDevice() {
    Path out = folder.resolve("model");
    train(out, "java", 5).succeeds();
    CommandLineRun.of("eval", out, "--device", "java,java", "--json")
        .isRefusedWith(2, "only train computes on several");
  }
}
