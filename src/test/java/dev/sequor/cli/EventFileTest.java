package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files of events, taken apart byte by byte by a second reader. */
class EventFileTest {
  @TempDir Path folder;
  private Path text = Path.of("");

  @BeforeEach
  void writeText() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
  }

  /** What a field of a message holds: a number (also the bits of a fixed one), or bytes. */
  private record Field(int number, long value, ByteBuffer held) {
    byte[] bytes() {
      byte[] bytes = new byte[held.remaining()];
      held.duplicate().get(bytes);
      return bytes;
    }
  }

  private record Event(long step, String version, Map<String, Float> scalars, String words) {}

  private CommandLineRun train(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("train", "--text", text, "--quiet"));
    EveryCommand.smallest().forEach(each -> arguments.add(each.replace("--steps=2", "--steps=20")));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  // ---- the second reader ------------------------------------------------------------------------

  /** CRC-32C bit by bit (Castagnoli, reflected: 0x82F63B78), and TFRecord's mask. */
  private static int maskedChecksum(byte[] bytes) {
    int crc = -1;
    for (byte each : bytes) {
      crc ^= each & 0xFF;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) == 1 ? (crc >>> 1) ^ 0x82F63B78 : crc >>> 1;
      }
    }
    crc = ~crc;
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  private static List<byte[]> records(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<byte[]> records = new ArrayList<>();
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertEquals(maskedChecksum(length), in.getInt());
      byte[] record =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      in.get(record);
      assertEquals(maskedChecksum(record), in.getInt());
      records.add(record);
    }
    return records;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }

  private static List<Field> fields(byte[] message) {
    ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
    List<Field> fields = new ArrayList<>();
    while (in.hasRemaining()) {
      int key = (int) varint(in);
      long value = 0;
      byte[] bytes = new byte[0];
      switch (key & 7) {
        case 0 -> value = varint(in);
        case 1 -> value = in.getLong();
        case 2 -> {
          bytes = new byte[(int) varint(in)];
          in.get(bytes);
        }
        case 5 -> value = in.getInt();
        default -> throw new AssertionError("wire type " + (key & 7));
      }
      fields.add(new Field(key >>> 3, value, ByteBuffer.wrap(bytes)));
    }
    return fields;
  }

  private static byte[] bytes(List<Field> fields, int number) {
    return fields.stream()
        .filter(field -> field.number() == number)
        .findFirst()
        .map(Field::bytes)
        .orElse(new byte[0]);
  }

  private static String string(List<Field> fields, int number) {
    return new String(bytes(fields, number), StandardCharsets.UTF_8);
  }

  private static Event event(byte[] record) {
    Map<String, Float> scalars = new LinkedHashMap<>();
    List<Field> event = fields(record);
    assertEquals(1, event.get(0).number());
    double wallTime = Double.longBitsToDouble(event.get(0).value());
    assertEquals(System.currentTimeMillis() * 1e-3, wallTime, 600);
    String words = "";
    for (Field value : fields(bytes(event, 5))) {
      assertEquals(1, value.number());
      List<Field> parts = fields(value.bytes());
      for (Field part : parts) {
        if (part.number() == 2) {
          scalars.put(string(parts, 1), Float.intBitsToFloat((int) part.value()));
        }
      }
      if (!scalars.containsKey(string(parts, 1))) {
        assertEquals("samples", string(parts, 1));
        assertEquals("text", string(fields(bytes(fields(bytes(parts, 9)), 1)), 1));
        List<Field> tensor = fields(bytes(parts, 8));
        assertEquals(7, tensor.get(0).value());
        words = string(tensor, 8);
      }
    }
    long step = event.stream().filter(field -> field.number() == 2).mapToLong(Field::value).sum();
    return new Event(step, string(event, 3), scalars, words);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.sorted().toList();
    }
  }

  private static List<Event> events(Path file) throws IOException {
    List<Event> events = new ArrayList<>();
    for (byte[] record : records(file)) {
      events.add(event(record));
    }
    return events;
  }

  // ---- what it finds ----------------------------------------------------------------------------

  @Test
  void theSecondReaderKnowsTheChecksumOfTheStandard() {
    // RFC 3720, B.4: 32 bytes of zeros have the CRC 8A9136AA.
    int crc = 0x8A9136AA;
    assertEquals(((crc >>> 15) | (crc << 17)) + 0xa282ead8, maskedChecksum(new byte[32]));
  }

  @Test
  void scalarsAreThoseOfTheLog() throws IOException {
    Path events = folder.resolve("new/events");
    Path log = folder.resolve("log");
    train("--out", folder.resolve("model"), "--tensorboard", events, "--log", log).succeeds();
    assertEquals(1, files(events).size());
    assertTrue(files(events).get(0).toString().contains("tfevents"));
    List<Event> found = events(files(events).get(0));
    assertEquals("brain.Event:2", found.get(0).version());
    Map<Long, Map<String, Float>> scalars = new LinkedHashMap<>();
    found.forEach(
        each ->
            scalars
                .computeIfAbsent(each.step(), step -> new LinkedHashMap<>())
                .putAll(each.scalars()));
    for (String line : Files.readAllLines(log)) {
      JsonNode logged = new ObjectMapper().readTree(line);
      Map<String, Float> said = scalars.getOrDefault(logged.get("step").asLong(), Map.of());
      is(logged.get("trainBitsPerCharacter"), said.get("loss/train"));
      is(logged.get("learningRate"), said.get("learning_rate"));
      is(logged.get("gradientNorm"), said.get("gradient_norm"));
      is(logged.get("charactersPerSecond"), said.get("characters_per_second"));
      assertEquals(logged.has("heldOutLoss"), said.containsKey("loss/held-out"));
      if (logged.has("heldOutLoss")) {
        is(logged.get("heldOutBitsPerCharacter"), said.get("loss/held-out"));
      }
    }
    assertEquals(21, scalars.size());
    List<String> samples = found.stream().map(Event::words).filter(w -> !w.isEmpty()).toList();
    assertEquals(10, samples.size());
    assertTrue(samples.stream().allMatch(words -> words.startsWith("    ")));
  }

  private static void is(JsonNode expected, @Nullable Float actual) {
    assertEquals(expected.floatValue(), actual);
  }

  @Test
  void aRunThatGoesOnHasAnotherFile() throws IOException {
    Path model = folder.resolve("model");
    Path events = folder.resolve("events");
    train("--out", model, "--tensorboard", events).succeeds();
    byte[] first = Files.readAllBytes(files(events).get(0));
    CommandLineRun.of("train", "--resume", model, "--steps=23", "--tensorboard", events, "--quiet")
        .succeeds();
    assertEquals(2, files(events).size());
    assertEquals(first.length, Files.size(files(events).get(0)));
    List<Event> rest = events(files(events).get(1));
    assertEquals(23, rest.get(rest.size() - 1).step());
  }

  @Test
  void whatIsNoFolderIsRefusedFirst() throws IOException {
    Path model = folder.resolve("model");
    for (Path bad : List.of(text, text.resolve("below"))) {
      train("--out", model, "--tensorboard", bad).isRefusedWith(2, "--tensorboard is " + bad);
      assertFalse(Files.exists(model));
    }
  }
}
