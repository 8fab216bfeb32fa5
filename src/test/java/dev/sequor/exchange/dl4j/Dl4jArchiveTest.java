package dev.sequor.exchange.dl4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.TorchFiles;
import dev.sequor.exchange.Zips;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What Deeplearning4j has written is read as it was, and what is anything else is refused. */
class Dl4jArchiveTest {
  private static final String LAYERS = "{\"confs\": [{\"layer\": {\"nin\": 2}}]}";
  private static final float[] VALUES = {0.5f, -2, 0, 1e-3f, 3, 65504};

  @TempDir Path folder;

  private static Stream<Path> folders() throws IOException {
    return ExportedCases.with("model.zip");
  }

  /** How many parameters a layer has, by what its configuration says. */
  private static long parameters(JsonObject layer) throws IOException {
    String kind = layer.text("@class");
    switch (kind.substring(kind.lastIndexOf('.') + 1)) {
      case "Bidirectional" -> {
        return parameters(layer.object("fwd")) + parameters(layer.object("bwd"));
      }
      case "LastTimeStep" -> {
        return parameters(layer.object("underlying"));
      }
      default -> {}
    }
    long in = layer.integer("nin", 1);
    long out = layer.integer("nout", 1);
    return switch (kind.substring(kind.lastIndexOf('.') + 1)) {
      case "LSTM" -> in * 4 * out + out * 4 * out + 4 * out;
      case "GravesLSTM" -> in * 4 * out + out * (4 * out + 3) + 4 * out;
      case "SimpleRnn" -> in * out + out * out + out;
      case "DenseLayer", "OutputLayer", "RnnOutputLayer" -> in * out + out;
      default -> throw new AssertionError(kind);
    };
  }

  @ParameterizedTest
  @MethodSource("folders")
  void thereAreAsManyParametersAsTheConfigurationSays(Path model) throws Exception {
    ExportedCases.assumePresent();
    Dl4jArchive archive = Dl4jArchive.read(model.resolve("model.zip"));
    assertEquals(Dl4jArchive.Kind.LAYERS, archive.kind());
    long expected = 0;
    for (JsonObject conf : archive.configuration().objects("confs")) {
      expected += parameters(conf.object("layer"));
    }
    assertEquals(expected, archive.parameters().length);
  }

  /** An array of one row, as {@code Nd4j.write} writes it. */
  private static byte[] array(String mode, String type, long... shape) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    boolean old = mode.equals("HEAP");
    out.writeUTF(mode);
    int numbers = 2 * shape.length + 4;
    length(out, old, numbers);
    out.writeUTF(old ? "INT" : "LONG");
    long[] info = new long[numbers];
    info[0] = shape.length;
    System.arraycopy(shape, 0, info, 1, shape.length);
    info[numbers - 2] = 1;
    info[numbers - 1] = 'f';
    for (long each : info) {
      length(out, old, each);
    }
    out.writeUTF(mode);
    length(out, old, VALUES.length);
    out.writeUTF(type);
    for (float value : VALUES) {
      switch (type) {
        case "DOUBLE" -> out.writeDouble(value);
        case "HALF" -> out.writeShort(value == 65504 ? 0x7bff : 0x3c00); // 65504 and 1
        default -> out.writeFloat(value);
      }
    }
    return bytes.toByteArray();
  }

  private static void length(DataOutputStream out, boolean old, long value) throws IOException {
    if (old) {
      out.writeInt((int) value);
    } else {
      out.writeLong(value);
    }
  }

  private static Map<String, byte[]> members(String configuration, byte[] coefficients) {
    Map<String, byte[]> members = new LinkedHashMap<>();
    members.put("configuration.json", configuration.getBytes(StandardCharsets.UTF_8));
    members.put("coefficients.bin", coefficients);
    return members;
  }

  private Path file(Map<String, byte[]> members) throws IOException {
    return TorchFiles.write(folder.resolve("model.zip"), Zips.of(members));
  }

  @ParameterizedTest
  @CsvSource({
    "MIXED_DATA_TYPES, FLOAT",
    "MIXED_DATA_TYPES, DOUBLE",
    "MIXED_DATA_TYPES, HALF",
    "LONG_SHAPE, FLOAT",
    "HEAP, FLOAT",
    "HEAP, DOUBLE"
  })
  void parametersOfEachTypeAndAgeAreRead(String mode, String type) throws Exception {
    for (byte[] array : List.of(array(mode, type, 6), array(mode, type, 1, 6))) {
      float[] expected = type.equals("HALF") ? new float[] {1, 1, 1, 1, 1, 65504} : VALUES;
      assertArrayEquals(expected, Dl4jArchive.read(file(members(LAYERS, array))).parameters());
    }
  }

  @Test
  void bothKindsOfNetworksAreTold() throws Exception {
    byte[] array = array("MIXED_DATA_TYPES", "FLOAT", 6);
    Map<String, byte[]> members =
        members(
            "{\"vertices\": {\"a\": {\"@class\": \"LayerVertex\"}}, \"vertexInputs\": {\"a\": []}}",
            array);
    members.put("normalizer.bin", new byte[3]);
    Dl4jArchive graph = Dl4jArchive.read(file(members));
    assertEquals(Dl4jArchive.Kind.GRAPH, graph.kind());
    assertEquals(List.of("a"), graph.configuration().object("vertices").names());
    assertEquals(
        Set.of("configuration.json", "coefficients.bin", "normalizer.bin"), graph.members());
    assertEquals(Dl4jArchive.Kind.LAYERS, Dl4jArchive.read(file(members(LAYERS, array))).kind());
  }

  private void refused(String message, Map<String, byte[]> members) throws IOException {
    Path file = file(members);
    String got =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> Dl4jArchive.read(file)).getMessage());
    assertTrue(got.startsWith(file + ": ") && got.contains(message), got);
  }

  @Test
  void whatIsNoNetworkIsRefused() throws Exception {
    byte[] array = array("MIXED_DATA_TYPES", "FLOAT", 6);
    refused("configuration.json: confs is missing; needed a list", members("{}", array));
    refused("configuration.json is empty", members("", array));
    refused("configuration.json is no JSON", members("{", array));
    refused(
        "configuration.json: vertices is 3; needed an object",
        members("{\"vertices\": 3, \"vertexInputs\": {}}", array));
    refused(
        "has no member 'coefficients.bin'",
        Map.of("configuration.json", LAYERS.getBytes(StandardCharsets.UTF_8)));
    refused("has the sizes [2, 3]", members(LAYERS, array("MIXED_DATA_TYPES", "FLOAT", 2, 3)));
    refused(
        "holds 6 elements; its shape [7] needs 7",
        members(LAYERS, array("LONG_SHAPE", "FLOAT", 7)));
    refused("has a size of 0", members(LAYERS, array("LONG_SHAPE", "FLOAT", 0)));
    refused("a shape of rank 0", members(LAYERS, array("LONG_SHAPE", "FLOAT")));
    refused(
        "more elements than there can be",
        members(LAYERS, array("LONG_SHAPE", "FLOAT", 1L << 40, 1L << 40)));
    refused("elements of 'INT64'", members(LAYERS, array("LONG_SHAPE", "INT64", 6)));
    refused("a buffer of 'ODD'", members(LAYERS, array("ODD", "FLOAT", 6)));
    refused("bytes after its array", members(LAYERS, Arrays.copyOf(array, array.length + 1)));
    refused("elements of 4 bytes in 20", members(LAYERS, Arrays.copyOf(array, array.length - 4)));
    refused("is cut", members(LAYERS, Arrays.copyOf(array, 21)));
    Path file = TorchFiles.write(folder.resolve("no.zip"), new byte[] {1, 2, 3});
    assertThrows(MalformedFileException.class, () -> Dl4jArchive.read(file));
  }

  @Test
  void mutatedZipsAreReadOrRefused() throws Exception {
    int files = MutatedFiles.count(2000);
    byte[] good = Zips.of(members(LAYERS, array("MIXED_DATA_TYPES", "FLOAT", 6)));
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.zip"), good, whole -> whole, files, 1 << 20, Dl4jArchive::read);
    assertTrue(refused > files / 3, "only " + refused + " were refused");
  }

  /** In whole zips: a damaged one is refused before any of its members is looked at. */
  @ParameterizedTest
  @CsvSource({"configuration.json", "coefficients.bin"})
  void mutatedMembersAreReadOrRefused(String member) throws Exception {
    Map<String, byte[]> members = members(LAYERS, array("MIXED_DATA_TYPES", "FLOAT", 6));
    int files = MutatedFiles.count(2000);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.zip"),
            Objects.requireNonNull(members.get(member)),
            mutated -> Zips.of(members, member, mutated),
            files,
            1 << 20,
            Dl4jArchive::read);
    assertTrue(refused > files / 3, "only " + refused + " were refused");
  }
}
