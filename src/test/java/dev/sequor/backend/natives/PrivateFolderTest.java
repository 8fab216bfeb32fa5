package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Libraries are unpacked only where nobody else could change them. */
@EnabledOnOs(OS.LINUX)
class PrivateFolderTest {
  private static final int SOMEBODY = 12345;

  @TempDir Path folder;

  @BeforeEach
  void unpackHere() {
    System.setProperty(Places.SETTING, folder.toString());
  }

  @AfterEach
  void forget() {
    System.clearProperty(Places.SETTING);
  }

  private static void setMode(Path path, String permissions) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  private void assertRefused(String part) throws IOException {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> PrivateFolder.create().close());
    assertTrue(String.valueOf(e.getMessage()).contains(part), e.getMessage());
    assertTrue(
        String.valueOf(e.getMessage()).startsWith("system property sequor.unpack.folder"),
        e.getMessage());
    if (Files.isDirectory(folder)) {
      try (Stream<Path> left = Files.list(folder)) {
        assertFalse(
            left.anyMatch(path -> path.getFileName().toString().startsWith(".sequor-")),
            "a folder is left behind");
      }
    }
  }

  @Test
  void onlyItsUserCanEnterIt() throws IOException {
    Path path;
    try (PrivateFolder made = PrivateFolder.create()) {
      path = made.path();
      assertEquals(folder.toRealPath(), path.getParent());
      assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
      Files.writeString(path.resolve("a"), "a");
    }
    assertFalse(Files.exists(path));
  }

  @Test
  void aFolderThatOthersCanWriteToIsRefused() throws IOException {
    setMode(folder, "rwxrwxrwx");
    assertRefused(folder + " can be written to by others (mode 777)");
    setMode(folder, "rwxrwx---");
    assertRefused(folder + " can be written to by others (mode 770)");
  }

  @Test
  void aFolderAboveThatOthersCanWriteToIsRefusedToo() throws IOException {
    Path inner = Files.createDirectories(folder.resolve("a/b"));
    setMode(folder.resolve("a"), "rwxrwxrwx");
    System.setProperty(Places.SETTING, inner.toString());
    assertRefused(folder.resolve("a") + " can be written to by others");
  }

  /** As the system's temporary folder is. */
  @Test
  void othersMayWriteToAStickyFolder() throws IOException, InterruptedException {
    assertEquals(
        0, new ProcessBuilder("chmod", "1777", folder.toString()).inheritIO().start().waitFor());
    PrivateFolder.create().close();
  }

  @Test
  void aFolderOfAnotherUserIsRefused() throws IOException {
    assumeTrue(Ownership.user(folder) == 0, "only root can give a folder away");
    Path theirs = Files.createDirectories(folder.resolve("theirs/inner"));
    Files.setAttribute(folder.resolve("theirs"), "unix:uid", SOMEBODY);
    System.setProperty(Places.SETTING, theirs.toString());
    assertRefused(folder.resolve("theirs") + " belongs to another user (number 12345)");
  }

  @Test
  void aLinkIsFollowedToWhereItLeads() throws IOException {
    Path bad = Files.createDirectory(folder.resolve("bad"));
    setMode(bad, "rwxrwxrwx");
    Path link = Files.createSymbolicLink(folder.resolve("link"), bad);
    System.setProperty(Places.SETTING, link.toString());
    assertRefused(bad + " can be written to by others");
  }

  @Test
  void aFolderThatDoesNotExistIsNamed() throws IOException {
    System.setProperty(Places.SETTING, folder.resolve("none").toString());
    assertRefused(folder.resolve("none") + " does not exist");
  }
}
