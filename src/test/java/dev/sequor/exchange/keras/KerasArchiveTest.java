package dev.sequor.exchange.keras;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.TorchFiles;
import dev.sequor.exchange.Zips;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What Keras has written is read as it was, in both forms, and what is anything else is refused.
 */
class KerasArchiveTest {
  /** Three times what a good file of 80 KB takes: its bytes, its JSON, the pieces of its HDF5. */
  private static final long MOST_BYTES = 1 << 21;

  @TempDir Path folder;

  private static Stream<Path> folders() throws IOException {
    return ExportedCases.with("model.keras");
  }

  /** As {@code nested.py} beside them has written them. */
  private static byte[] nested(String ending) throws IOException {
    try (InputStream in = KerasArchiveTest.class.getResourceAsStream("nested" + ending)) {
      return Objects.requireNonNull(in, ending).readAllBytes();
    }
  }

  private Path file(String name, byte[] bytes) throws IOException {
    return TorchFiles.write(folder.resolve(name), bytes);
  }

  private static void assertSame(KerasArchive zipped, KerasArchive hdf5) throws IOException {
    assertEquals(zipped.json().text("class_name"), hdf5.json().text("class_name"));
    assertEquals(zipped.kerasVersion(), hdf5.kerasVersion());
    assertEquals(zipped.layers().size(), hdf5.layers().size());
    for (int i = 0; i < zipped.layers().size(); i++) {
      KerasLayer one = zipped.layers().get(i);
      KerasLayer other = hdf5.layers().get(i);
      assertEquals(one.name(), other.name());
      assertEquals(one.className(), other.className());
      assertEquals(
          one.weights().stream().map(NamedTensor::shape).toList(),
          other.weights().stream().map(NamedTensor::shape).toList(),
          one.name());
      for (int j = 0; j < one.weights().size(); j++) {
        assertArrayEquals(
            one.weights().get(j).values(), other.weights().get(j).values(), one.name() + " " + j);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void bothFormsOfAModelHoldTheSame(Path model) throws Exception {
    ExportedCases.assumePresent();
    KerasArchive zipped = KerasArchive.read(model.resolve("model.keras"));
    assertSame(zipped, KerasArchive.read(model.resolve("model.h5")));
    assertEquals("3.15.1", zipped.kerasVersion());
    int recurrent = 0;
    for (KerasLayer layer : zipped.layers()) {
      switch (layer.className()) {
        case "LSTM" -> {
          int units = layer.config().integer("units", 1);
          assertEquals(List.of(units, 4 * units), layer.weights().get(1).shape(), layer.name());
          recurrent++;
        }
        case "GRU", "SimpleRNN", "Bidirectional" -> recurrent++;
        default -> {}
      }
    }
    assertTrue(recurrent > 0, model.toString());
  }

  /** A model in the model, cells on cells, operations among the layers, two types of numbers. */
  @Test
  void weightsAreFoundWhereverTheyAreNested() throws Exception {
    KerasArchive zipped = KerasArchive.read(file("nested.keras", nested(".keras")));
    assertSame(zipped, KerasArchive.read(file("nested.h5", nested(".h5"))));
    Map<String, Integer> counts = new LinkedHashMap<>();
    for (KerasLayer layer : zipped.layers()) {
      counts.put(layer.name(), layer.weights().size());
    }
    assertEquals(
        List.of("x", "rnn", "both", "add", "add_1", "bidirectional", "zuerst", "danach"),
        List.copyOf(counts.keySet()).subList(0, 8));
    assertEquals(List.of(0, 9, 5, 0, 0, 6, 3, 3, 2), List.copyOf(counts.values()));
    NamedTensor second = zipped.layers().get(7).weights().get(0);
    assertEquals("layers/lstm_1/cell/vars/0", second.name());
  }

  @ParameterizedTest
  @CsvSource({
    "LSTM, lstm",
    "GRU, gru",
    "SimpleRNN, simple_rnn",
    "LSTMCell, lstm_cell",
    "Dense, dense",
    "StackedRNNCells, stacked_rnn_cells",
    "TimeDistributed, time_distributed",
    "LayerNormalization, layer_normalization",
    "My.Layer2D, my_layer2d",
    "Conv1D, conv1d",
    "EinsumDense, einsum_dense",
    "IOModule, io_module"
  })
  void placesAreNamedAsKerasNamesThem(String className, String place) {
    assertEquals(place, KerasWeights.snakeCase(className));
  }

  private void refused(String message, String name, byte[] bytes) throws IOException {
    Path file = file(name, bytes);
    String got =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> KerasArchive.read(file)).getMessage());
    assertTrue(got.startsWith(file + ": ") && got.contains(message), got);
  }

  private void refusedWith(String message, String member, byte[] content) throws IOException {
    Map<String, byte[]> members = Zips.members(nested(".keras"));
    members.put(member, content);
    refused(message, "bad.keras", Zips.of(members));
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void whatIsNoModelOfKerasIsRefused() throws Exception {
    refused("is neither a .keras nor an .h5 file", "a.keras", new byte[0]);
    refused("is neither a .keras nor an .h5 file", "a.h5", text("{}"));
    refused("is no whole zip", "a.keras", text("PK\3\4"));
    refused("superblock cannot be read", "a.h5", Arrays.copyOf(nested(".h5"), 16));
    refusedWith("config.json is no JSON", "config.json", text("{\"a\": 1"));
    refusedWith("config.json is no JSON", "config.json", text("{\"a\": 1, \"a\": 2}"));
    refusedWith("config.json is no JSON", "config.json", text("[".repeat(100_000)));
    refusedWith("config.json is of type array; needed an object", "config.json", text("[]"));
    refusedWith(
        "config.json: config is missing; needed an object",
        "config.json",
        text("{\"class_name\": \"Sequential\"}"));
    refusedWith(
        "config.json: config.layers[0] is 3; needed an object",
        "config.json",
        text("{\"config\": {\"layers\": [3]}}"));
    refusedWith("metadata.json: keras_version is missing", "metadata.json", text("{}"));
    refusedWith("'model.weights.h5' is malformed HDF5", "model.weights.h5", text("no"));
    refusedWith("a member '../out'", "../out", new byte[0]);
    refusedWith("a member '/out'", "/out", new byte[0]);
    refusedWith("is said to have 8000000 bytes", "model.weights.h5", new byte[8_000_000]);
    Map<String, byte[]> members = Zips.members(nested(".keras"));
    members.remove("model.weights.h5");
    refused("has no member 'model.weights.h5'", "a.keras", Zips.of(members));
  }

  @Test
  void weightsOfAnotherLayerAreRefused() throws Exception {
    String config =
        new String(
            Objects.requireNonNull(Zips.members(nested(".keras")).get("config.json")),
            StandardCharsets.UTF_8);
    refusedWith(
        "has the weights of layer 'zuerst' at 'layers/lstm'; needed those of 'anderes'",
        "config.json",
        text(config.replace("\"zuerst\"", "\"anderes\"")));
  }

  /** The tables that say what a group has: each in turn, leading to itself. */
  @Test
  void groupsThatContainThemselvesAreRefusedSoon() throws Exception {
    byte[] good = nested(".h5");
    ByteBuffer bytes = ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN);
    int trees = 0;
    for (int at = 0; at + 600 < good.length; at += 8) {
      if (bytes.getInt(at) == 0x45455254 && bytes.get(at + 4) == 0) { // TREE, of a group
        trees++;
        byte[] bad = good.clone();
        ByteBuffer tree = ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN);
        tree.put(at + 5, (byte) 1);
        tree.putShort(at + 6, (short) 8);
        for (int child = 0; child < 8; child++) {
          tree.putLong(at + 32 + 16 * child, at);
        }
        Path file = file("bad.h5", bad);
        long begin = System.nanoTime();
        try {
          KerasArchive.read(file);
        } catch (MalformedFileException e) {
          assertTrue(String.valueOf(e.getMessage()).contains("cannot be read"), e.getMessage());
        }
        assertTrue(System.nanoTime() - begin < 2_000_000_000L, "at " + at);
      }
    }
    assertTrue(trees > 10, "only " + trees + " trees");
  }

  @Test
  void mutatedHdf5IsReadOrRefused() throws Exception {
    byte[] good = nested(".h5");
    int files = MutatedFiles.count(1000);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.h5"),
            good,
            whole -> whole,
            files,
            MOST_BYTES,
            KerasArchive::read);
    assertTrue(refused > files / 5, "only " + refused + " were refused");
  }

  @Test
  void mutatedZipsAreReadOrRefused() throws Exception {
    byte[] good = nested(".keras");
    int files = MutatedFiles.count(500);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.keras"),
            good,
            whole -> whole,
            files,
            MOST_BYTES,
            KerasArchive::read);
    assertTrue(refused > files / 2, "only " + refused + " were refused");
  }

  /** In whole zips: a damaged one is refused before any of its members is looked at. */
  @ParameterizedTest
  @CsvSource({"config.json", "metadata.json", "model.weights.h5"})
  void mutatedMembersAreReadOrRefused(String member) throws Exception {
    Map<String, byte[]> members = Zips.members(nested(".keras"));
    byte[] good = Objects.requireNonNull(members.get(member));
    int files = MutatedFiles.count(300);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.keras"),
            good,
            mutated -> Zips.of(members, member, mutated),
            files,
            MOST_BYTES,
            KerasArchive::read);
    assertTrue(refused > files / 10, "only " + refused + " were refused");
  }
}
