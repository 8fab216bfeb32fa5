package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {
  @TempDir Path folder;

  private String refusal(Path file) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> TextFile.read(file)).getMessage());
    assertEquals(file.toString(), message.substring(0, file.toString().length()));
    return message.substring(file.toString().length());
  }

  private Path file(byte... bytes) throws IOException {
    return Files.write(folder.resolve("text"), bytes);
  }

  @Test
  void textIsReadAsItIs() throws IOException {
    String text = "Call me Ishmael.\r\n\u00e9 \u2014 " + Character.toString(0x1F40B) + "\n";
    assertEquals(text, TextFile.read(file(text.getBytes(StandardCharsets.UTF_8))));
  }

  @Test
  void aByteOrderMarkIsLeftOut() throws IOException {
    assertEquals("a", TextFile.read(file("\uFEFFa".getBytes(StandardCharsets.UTF_8))));
  }

  @Test
  void missingFilesAndFoldersAreRefused() {
    assertEquals(": no such file; needed a text file in UTF-8", refusal(folder.resolve("missing")));
    assertEquals(": not a regular file; needed a text file in UTF-8", refusal(folder));
  }

  @Test
  void emptyFilesAreRefused() throws IOException {
    assertEquals(": empty; needed a text file in UTF-8", refusal(file()));
  }

  @Test
  void binaryFilesAreRefusedWithTheOffset() throws IOException {
    assertEquals(
        ": NUL byte at offset 2, so it is binary; needed a text file in UTF-8",
        refusal(file((byte) 'a', (byte) 'b', (byte) 0)));
    assertEquals(
        ": byte 0xFF at offset 1 is not UTF-8; needed a text file in UTF-8",
        refusal(file((byte) 'a', (byte) 0xFF, (byte) 'b')));
    assertEquals(
        ": byte 0xC3 at offset 1 is not UTF-8; needed a text file in UTF-8",
        refusal(file((byte) 'a', (byte) 0xC3)));
  }
}
