package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** One run at a time writes to a directory, whatever the timing. */
class ModelDirectoryTest {
  @TempDir Path folder;
  private final List<Process> started = new ArrayList<>();

  /** Another process: holds a directory, says how that went, and waits to be ended. */
  static final class Holder {
    public static void main(String[] args) throws Exception {
      try (ModelDirectory directory = ModelDirectory.open(Path.of(args[0]))) {
        assertNotNull(directory);
        System.out.println("held");
        System.in.read();
      } catch (IllegalArgumentException e) {
        System.out.println("refused");
      }
    }
  }

  @AfterEach
  void endWhatIsLeft() {
    started.forEach(Process::destroyForcibly);
  }

  private Process holder(Path directory) throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    started.add(process);
    return process;
  }

  private static String firstLine(Process process) throws IOException {
    return String.valueOf(
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
            .readLine());
  }

  private Path model() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{}");
    return model;
  }

  private static void refused(String part, Path directory) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> ModelDirectory.open(directory))
                .getMessage());
    assertTrue(message.contains(part), message);
  }

  @Test
  void aDirectoryIsHeldOnceWhateverItIsCalled() throws IOException {
    Path model = model();
    Path link = Files.createSymbolicLink(folder.resolve("link"), model);
    try (ModelDirectory held = ModelDirectory.open(model)) {
      assertEquals(model, held.path());
      refused("another run is writing there", model);
      refused("another run is writing there", link);
      refused("another run is writing there", folder.resolve("model/../model"));
    }
    ModelDirectory.open(link).close();
  }

  @Test
  void aLinkToADirectoryIsAsGoodAsTheDirectory() throws IOException {
    Path real = Files.createDirectory(folder.resolve("real"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);
    try (ModelDirectory held = ModelDirectory.create(link)) {
      CheckpointTest.checkpoint(7).save(held.path());
    }
    assertTrue(Checkpoint.existsIn(real));
    try (ModelDirectory held = ModelDirectory.createNew(link, "names")) {
      assertEquals(link.resolve("names"), held.path());
    }
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void anotherProcessIsKeptOutUntilTheHolderEndsHoweverThatIs() throws Exception {
    Path model = model();
    Process holder = holder(model);
    assertEquals("held", firstLine(holder));
    refused("another run is writing there", model);
    holder.destroyForcibly();
    assertTrue(holder.waitFor(60, TimeUnit.SECONDS));
    try (ModelDirectory held = ModelDirectory.open(model)) {
      assertNotNull(held);
      // A refused attempt of this process must not give up the lock that the process has.
      refused("another run is writing there", model);
      Process late = holder(model);
      assertEquals("refused", firstLine(late));
      assertTrue(late.waitFor(60, TimeUnit.SECONDS));
    }
  }

  @Test
  void newDirectoriesAreEachMadeOnce() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Future<ModelDirectory>> made = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        made.add(threads.submit(() -> ModelDirectory.createNew(folder.resolve("out"), "names")));
      }
      Set<String> names = new HashSet<>();
      for (Future<ModelDirectory> future : made) {
        try (ModelDirectory directory = future.get(60, TimeUnit.SECONDS)) {
          assertTrue(names.add(String.valueOf(directory.path().getFileName())));
        }
      }
      assertTrue(names.contains("names") && names.contains("names-40"), names.toString());
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void whatTheFileSystemKeepsInAVolumesRootIsNotForeign() throws IOException {
    Files.createDirectory(folder.resolve("lost+found"));
    ModelDirectory.create(folder).close();
    ModelDirectory.create(folder).close(); // Nor is the lock of a run that came to nothing.
    Files.writeString(folder.resolve("lost+found2"), "");
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> ModelDirectory.create(folder))
                .getMessage());
    assertTrue(message.contains("'lost+found2'; needed a new or empty directory"), message);
  }

  @Test
  void placesThatCannotBeAreNamedWithTheReason() throws IOException {
    Path below = Files.writeString(folder.resolve("file"), "").resolve("below");
    assertEquals(
        below + ": not a directory",
        assertThrows(InaccessibleFileException.class, () -> ModelDirectory.create(below))
            .getMessage());
    Path missing = folder.resolve("missing");
    assertEquals(
        missing + ": holds no checkpoint; needed a directory with a config.json",
        assertThrows(MalformedFileException.class, () -> ModelDirectory.open(missing))
            .getMessage());
    assertTrue(Files.notExists(folder.resolve(ModelDirectory.LOCK_FILE)));
  }
}
