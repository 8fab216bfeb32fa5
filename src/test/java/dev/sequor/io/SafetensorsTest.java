package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
  @TempDir Path folder;

  private Path write(Map<String, String> metadata, Tensor... tensors) throws IOException {
    Path file = folder.resolve("tensors.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      SafetensorsWriter.write(channel, metadata, List.of(tensors));
    }
    return file;
  }

  private Path file(String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    return Files.write(folder.resolve("made.safetensors"), bytes.array());
  }

  private Path latin(String header) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    return Files.write(folder.resolve("latin.safetensors"), bytes.array());
  }

  private String refusal(Path file) {
    String message =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> SafetensorsFile.open(file))
                .getMessage());
    assertTrue(message.startsWith(file + ": "), message);
    return message.substring(file.toString().length() + 2);
  }

  @Test
  void whatIsWrittenIsReadBackBitForBit() throws IOException {
    float[] matrix = {0f, -0f, 1.5f, Float.NaN, Float.NEGATIVE_INFINITY, Float.MIN_VALUE};
    Path file =
        write(
            Map.of("format", "sequor", "note", "\u00e9\n\""),
            Tensor.ofFloats("layers.0.\u03b2", matrix, 2, 3),
            Tensor.ofFloats("scalar", new float[] {42f}),
            Tensor.ofFloats("empty", new float[0], 0, 7));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(Map.of("format", "sequor", "note", "\u00e9\n\""), read.metadata());
      assertEquals(
          List.of("layers.0.\u03b2", "scalar", "empty"), new ArrayList<>(read.entries().keySet()));
      SafetensorsFile.Entry entry = Objects.requireNonNull(read.entries().get("layers.0.\u03b2"));
      assertEquals(List.of(2L, 3L), entry.shape());
      assertEquals(6, entry.elements());
      float[] values = read.readFloats("layers.0.\u03b2");
      for (int i = 0; i < matrix.length; i++) {
        assertEquals(Float.floatToRawIntBits(matrix[i]), Float.floatToRawIntBits(values[i]));
      }
      assertArrayEquals(new float[] {42f}, read.readFloats("scalar"));
      assertArrayEquals(new float[0], read.readFloats("empty"));
      assertThrows(MalformedFileException.class, () -> read.readFloats("missing"));
    }
    assertEquals(
        0, ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8);
  }

  @Test
  void halfPrecisionIsWidenedExactly() throws IOException {
    ByteBuffer half = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    half.asShortBuffer()
        .put(new short[] {0x3C00, (short) 0xC000, 0x7BFF, 0x0001, (short) 0x8000, 0x7C00});
    ByteBuffer brain = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    brain.asShortBuffer().put(new short[] {0x3F80, (short) 0xC049});
    Path file =
        write(
            Map.of(),
            new Tensor("half", TensorType.F16, List.of(6L), half),
            new Tensor("brain", TensorType.BF16, List.of(2L), brain));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertArrayEquals(
          new float[] {1f, -2f, 65504f, 0x1p-24f, -0f, Float.POSITIVE_INFINITY},
          read.readFloats("half"));
      assertArrayEquals(new float[] {1f, -3.140625f}, read.readFloats("brain"));
    }
  }

  @Test
  void integersAreReadAsTheyAreAndNotAsFloats() throws IOException {
    ByteBuffer data = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    data.putLong(-3).putLong(Long.MAX_VALUE).flip();
    Path file = write(Map.of(), new Tensor("counts", TensorType.I64, List.of(2L), data));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(-3, read.readBytes("counts").getLong(0));
      assertEquals(Long.MAX_VALUE, read.readBytes("counts").getLong(8));
      String message =
          String.valueOf(
              assertThrows(MalformedFileException.class, () -> read.readFloats("counts"))
                  .getMessage());
      assertTrue(message.endsWith("tensor 'counts' is I64; needed F32, F16 or BF16"), message);
    }
  }

  @Test
  void sameNamesAreRefusedWhenWriting() {
    Tensor tensor = Tensor.ofFloats("w", new float[1], 1);
    assertThrows(IllegalArgumentException.class, () -> write(Map.of(), tensor, tensor));
    assertThrows(
        IllegalArgumentException.class,
        () -> write(Map.of(), Tensor.ofFloats("__metadata__", new float[1], 1)));
    assertThrows(IllegalArgumentException.class, () -> Tensor.ofFloats("w", new float[5], 2, 3));
  }

  @Test
  void faultsAreNamed() throws IOException {
    assertEquals(
        "header: Duplicate field 'w' at line 1, column 57",
        refusal(
            file(
                "{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                    + "\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                2)));
    assertEquals(
        "header: tensor 'b' begins at byte 2, after a hole; needed 1",
        refusal(
            file(
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
                3)));
    assertEquals(
        "header: tensor 'b' begins at byte 0, inside another; needed 2",
        refusal(
            file(
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
                3)));
    assertEquals(
        "header: tensor 'w' has 3 bytes; F32 [1] needs 4",
        refusal(file("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]}}", 3)));
    assertEquals(
        "header: its tensors need 4 bytes of data, but 3 follow; the file is truncated",
        refusal(file("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3)));
    assertEquals(
        "header: tensor 'w' has the unknown dtype F33",
        refusal(file("{\"w\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4)));
    assertEquals("header: goes on after its end", refusal(file("{}{}", 0)));
    assertEquals(
        "header: tensor 'w' has 4 bytes; F32 [4294967296, 4294967296, 3] needs"
            + " 221360928884514619392",
        refusal(
            file(
                "{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,3],"
                    + "\"data_offsets\":[0,4]}}",
                4)));
    assertEquals("header: ends before it is complete", refusal(file("{\"w\":", 0)));
    assertEquals("header: is no JSON at line 1, column 2", refusal(file("{;}", 0)));
    assertEquals("header is not UTF-8", refusal(latin("{\"\u00e9\":{}}")));
  }

  @Test
  void aHeaderLongerThanTheFileIsRefused() throws IOException {
    Path file = write(Map.of(), Tensor.ofFloats("w", new float[4], 4));
    byte[] bytes = Files.readAllBytes(file);
    bytes[1] = 1; // 256 bytes more
    Files.write(file, bytes);
    assertEquals(
        "says its header has 312 bytes, but only "
            + (bytes.length - 8)
            + " follow; the file is truncated or no safetensors file",
        refusal(file));
  }

  @Test
  void headersThatWouldTakeTooMuchMemoryAreNeitherReadNorWritten() throws IOException {
    Path file = folder.resolve("long.safetensors");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(length.putLong(99_000_000).flip());
      channel.write(ByteBuffer.allocate(1), 99_000_007); // The rest is a hole.
    }
    assertEquals(
        "says its header has 99000000 bytes; this reader takes at most 8000000", refusal(file));
    Tensor tensor = Tensor.ofFloats("n".repeat(8_000_000), new float[0], 0);
    assertThrows(IllegalArgumentException.class, () -> write(Map.of(), tensor));
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    Path file = write(Map.of("a", "b"), Tensor.ofFloats("w", new float[4], 2, 2));
    byte[] bytes = Files.readAllBytes(file);
    for (int length = 0; length < bytes.length; length++) {
      Files.write(file, java.util.Arrays.copyOf(bytes, length));
      refusal(file);
    }
  }

  @TestFactory
  List<DynamicTest> malformedFilesAreRefusedAndUnusualOnesLoad() throws IOException {
    String shared = Objects.requireNonNullElse(System.getenv("SEQUOR_SHARED"), "../shared");
    Path cases = Path.of(shared, "conformance", "malformed_safetensors");
    Assumptions.assumeTrue(
        Files.isDirectory(cases), cases + " is not there; set SEQUOR_SHARED to the shared folder");
    List<DynamicTest> tests = new ArrayList<>();
    JsonNode manifest = new ObjectMapper().readTree(cases.resolve("manifest.json").toFile());
    for (JsonNode entry : manifest.get("files")) {
      Path file = cases.resolve(entry.get("file").asText());
      String expected = entry.get("expect").asText();
      tests.add(
          DynamicTest.dynamicTest(
              entry.get("file").asText() + " " + expected + ": " + entry.get("why").asText(),
              () -> assertEquals(expected, outcome(file, expected))));
    }
    assertTrue(!tests.isEmpty(), cases + " lists no files");
    return tests;
  }

  /** Reads every tensor of a file. */
  private static String outcome(Path path, String expected) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (String name : file.entries().keySet()) {
        file.readBytes(name);
      }
      return expected.equals("either") ? expected : "load";
    } catch (MalformedFileException e) {
      assertTrue(String.valueOf(e.getMessage()).startsWith(path + ": "), e.getMessage());
      return expected.equals("either") ? expected : "reject";
    }
  }
}
