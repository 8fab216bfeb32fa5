package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
  void otherUnicodeEncodingsAreRefusedByTheirName(String encoding) throws IOException {
    Charset charset = Charset.forName(encoding);
    assertEquals(
        ": in "
            + encoding
            + ", by its byte-order mark; needed a text file in UTF-8 (iconv -f "
            + encoding
            + " -t UTF-8)",
        refusal(file("\uFEFFabc".getBytes(charset))));
    for (String text :
        List.of(
            "plain words\n",
            "\u00c5ngstr\u00f6m: \u00e9\r\n",
            "\u041c\u0438\u0440 \u0438 \u0432\u043e\u0439\u043d\u0430.\n",
            "\u6625 \u7720\u4e0d\u899a\u6653\n" + Character.toString(0x1F40B))) {
      assertEquals(
          ": in "
              + encoding
              + ", by its NUL bytes; needed a text file in UTF-8 (iconv -f "
              + encoding
              + " -t UTF-8)",
          refusal(file(text.repeat(2000).getBytes(charset))));
    }
  }

  @Test
  void numbersInBinaryAreNoText() throws IOException {
    ByteBuffer numbers = ByteBuffer.allocate(4000).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 1000; i++) {
      numbers.putInt(i);
    }
    assertEquals(
        ": NUL byte at offset 0, so it is binary; needed a text file in UTF-8",
        refusal(file(numbers.array())));
    assertEquals(
        ": NUL byte at offset 1, so it is binary; needed a text file in UTF-8",
        refusal(file((byte) 'a', (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 0)));
  }
}
