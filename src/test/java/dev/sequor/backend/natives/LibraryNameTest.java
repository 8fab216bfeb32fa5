package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Libraries that are made to ask for others. */
final class LibraryNameTest {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  Path folder;

  private Path file(String contents) throws IOException {
    return Files.writeString(folder.resolve("library.so"), contents, StandardCharsets.ISO_8859_1);
  }

  private static String contents(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.ISO_8859_1);
  }

  @Test
  void theHashIsThatOfTheAbi() {
    // As readelf --version-info shows them for any library.
    assertEquals(0x06969197, LibraryName.hash("GLIBC_2.17"));
    assertEquals(0xd696917, LibraryName.hash("GLIBC_2.7"));
    assertEquals(0x9691a75, LibraryName.hash("GLIBC_2.2.5"));
  }

  @Test
  void onlyTheWholeNameIsReplaced() throws IOException {
    Path file = file("\u007fELF\0libcublas.so.12\0f@@libcublas.so.12\0libcublas.so.12.5\0\u00ff");
    LibraryName.replace(file, "libcublas.so.12", "libdeblas.so.12");
    assertEquals(
        "\u007fELF\0libdeblas.so.12\0f@@libcublas.so.12\0libcublas.so.12.5\0\u00ff",
        contents(file));
  }

  @Test
  void aNameThatStandsNowhereOrTwiceIsRefused() throws IOException {
    for (String contents : new String[] {"\0other\0", "\0a.so\0b\0a.so\0"}) {
      Path file = file(contents);
      LibraryUnavailableException refused =
          assertThrows(
              LibraryUnavailableException.class, () -> LibraryName.replace(file, "a.so", "a.so"));
      assertEquals("library.so does not ask for a.so in one place", refused.getMessage());
      assertEquals(contents, contents(file));
    }
  }

  @Test
  void aNameOfAnotherLengthOrHashIsRefused() throws IOException {
    Path file = file("\0a.so\0");
    for (String to : new String[] {"b.so", "aa.so"}) {
      assertThrows(IllegalArgumentException.class, () -> LibraryName.replace(file, "a.so", to));
    }
    assertEquals("\0a.so\0", contents(file));
  }
}
