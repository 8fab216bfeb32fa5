package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In which order a checkpoint reaches the disk, and what is left when it does not. */
class DurabilityTest {
  private static final String FULL = "No space left on device";

  @TempDir Path folder;

  /** Changes, runs of writes to one file as one. */
  private static final class Changes implements ObservedDisk.Observer {
    final List<String> seen = new ArrayList<>();

    @Override
    public void change(String what) throws IOException {
      if (seen.isEmpty() || !seen.get(seen.size() - 1).equals(what)) {
        seen.add(what);
      }
    }
  }

  private static Checkpoint checkpoint(long steps) {
    return CheckpointTest.checkpoint(steps);
  }

  private static long steps(Path directory) throws IOException {
    return Checkpoint.load(directory).snapshot().progress().steps();
  }

  private static List<String> names(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  private static List<String> namesOf(long steps) {
    return List.of(
        "config.json", "model-" + steps + ".safetensors", "training-" + steps + ".safetensors");
  }

  private Path model() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    checkpoint(7).save(model);
    return model;
  }

  private static List<String> durably(String file) {
    return List.of(
        "write " + file + ".partial",
        "force " + file + ".partial",
        "rename " + file + ".partial to " + file,
        "force model");
  }

  private static List<String> changesOfASave() {
    List<String> expected = new ArrayList<>();
    expected.addAll(durably("model-8.safetensors"));
    expected.addAll(durably("training-8.safetensors"));
    expected.addAll(durably("config.json"));
    expected.add("delete model-7.safetensors");
    expected.add("delete training-7.safetensors");
    return expected;
  }

  @Test
  void everyFileIsOnTheDiskBeforeItIsNamedAndTheOldOnesGoLast() throws IOException {
    Path model = model();
    Changes changes = new Changes();
    checkpoint(8).save(new ObservedDisk(changes).path(model));
    assertEquals(changesOfASave(), changes.seen);
    assertEquals(8, steps(model));
  }

  @Test
  void aMachineThatStopsBetweenAnyTwoChangesKeepsAWholeCheckpoint() throws IOException {
    Path model = model();
    List<Long> found = new ArrayList<>();
    ObservedDisk disk =
        new ObservedDisk(
            what -> {
              Path copy = Files.createDirectory(folder.resolve("stopped-" + found.size()));
              for (String name : names(model)) {
                Files.copy(model.resolve(name), copy.resolve(name));
              }
              found.add(steps(copy));
              checkpoint(9).save(copy); // And it can be gone on from, with nothing left over.
              assertEquals(namesOf(9), names(copy));
            });
    checkpoint(8).save(disk.path(model));
    assertTrue(found.contains(7L) && found.contains(8L), found.toString());
    assertEquals(found.stream().sorted().toList(), found);
  }

  @Test
  void whateverChangeIsRefusedTheErrorSaysSoAndNothingIsLeft() throws IOException {
    Path model = model();
    int changes = changesOfASave().size();
    for (int refused = 0; refused < changes; refused++) {
      String which = changesOfASave().get(refused);
      int[] left = {refused};
      String[] last = {""};
      ObservedDisk disk =
          new ObservedDisk(
              what -> {
                if (!what.equals(last[0])) {
                  left[0]--;
                  last[0] = what;
                }
                if (left[0] == -1) {
                  throw new IOException(FULL);
                }
              });
      if (which.startsWith("delete")) {
        checkpoint(8).save(disk.path(model)); // The checkpoint is there; the next save deletes.
        assertEquals(8, steps(model), which);
      } else {
        String message =
            String.valueOf(
                assertThrows(
                        InaccessibleFileException.class,
                        () -> checkpoint(8).save(disk.path(model)),
                        which)
                    .getMessage());
        assertTrue(message.endsWith(": no space left on device"), message);
        assertTrue(message.contains(model.toString()), message);
        assertFalse(message.contains("Exception"), message);
        // Once config.json has its new content, the new checkpoint is the one that is there.
        boolean replaced = refused == 11;
        assertEquals(replaced ? 8 : 7, steps(model), which);
        if (!replaced) {
          assertEquals(namesOf(7), names(model), which);
        }
      }
      checkpoint(7).save(model);
      assertEquals(7, steps(model));
      Path again = Files.createDirectory(folder.resolve("again-" + refused));
      checkpoint(7).save(again);
      for (String name : names(model)) {
        Files.delete(model.resolve(name));
      }
      for (String name : names(again)) {
        Files.move(again.resolve(name), model.resolve(name));
      }
    }
  }

  @Test
  void whatAKilledSaveLeftIsGoneBeforeTheNextNeedsTheRoom() throws IOException {
    Path model = model();
    Files.writeString(model.resolve("model-8.safetensors"), "left");
    Files.writeString(model.resolve("training-8.safetensors.partial"), "left");
    Files.writeString(model.resolve("config.json.partial"), "left");
    Changes changes = new Changes();
    checkpoint(9).save(new ObservedDisk(changes).path(model));
    assertEquals(
        List.of(
            "delete config.json.partial",
            "delete model-8.safetensors",
            "delete training-8.safetensors.partial",
            "write model-9.safetensors.partial"),
        changes.seen.subList(0, 4));
    assertEquals(namesOf(9), names(model));
  }

  @Test
  void theReasonOfTheSystemIsPassedOn() {
    Path missing = folder.resolve("missing").resolve("file");
    InaccessibleFileException e =
        assertThrows(
            InaccessibleFileException.class, () -> DurableFile.write(missing, channel -> {}));
    assertEquals(missing + ".partial: no such file or folder", e.getMessage());
    ObservedDisk disk =
        new ObservedDisk(
            what -> {
              if (!what.startsWith("delete")) {
                throw new FileSystemException(null, null, "Read-only file system");
              }
            });
    Path file = folder.resolve("file");
    assertEquals(
        file + ": read-only file system",
        assertThrows(
                InaccessibleFileException.class,
                () -> DurableFile.write(disk.path(file), channel -> {}))
            .getMessage());
    assertTrue(Files.notExists(file));
    assertEquals(List.of(), List.of(folder.toFile().list()));
  }
}
