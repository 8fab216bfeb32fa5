package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged model directories are used, or refused with exit code 2 and one line, in 256 MB of heap.
 * {@code -Dsequor.hostile.mutations} says how many are tried, {@code -Dsequor.hostile.seed} from
 * which seed on.
 */
@EnabledOnOs({OS.LINUX, OS.MAC})
class HostileDirectoryTest {
  private static final int MUTATIONS = Integer.getInteger("sequor.hostile.mutations", 300);
  private static final long SEED = Long.getLong("sequor.hostile.seed", 0);

  @TempDir Path folder;

  @Test
  void everyDamageIsSurvivedOrRefusedInOneLine() throws IOException, InterruptedException {
    Path good = Files.createDirectory(folder.resolve("good"));
    for (String name :
        List.of("config.json", "model-37.safetensors", "training-37.safetensors", "text.txt")) {
      try (InputStream stored = Checkpoint.class.getResourceAsStream("version-1/" + name)) {
        Files.copy(Objects.requireNonNull(stored, name), good.resolve(name));
      }
    }
    Path output = folder.resolve("output");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                HostileDirectories.class.getName(),
                good.toString(),
                folder.toString(),
                "" + SEED,
                "" + MUTATIONS)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      // Far more than it takes: a command that hangs is found, not one that is slow.
      assertTrue(process.waitFor(120 + MUTATIONS, TimeUnit.SECONDS), () -> read(output));
    } finally {
      process.destroyForcibly();
    }
    System.out.print(read(output));
    assertEquals(0, process.exitValue(), () -> read(output));
    assertTrue(
        read(output).contains(MUTATIONS + " mutations, 0 faults, answers "), () -> read(output));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
