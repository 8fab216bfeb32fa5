package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.management.ThreadMXBean;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What files of ONNX may say and what they may not, with small models made here. */
class OnnxFileTest {
  private static final int HIDDEN = 2;
  private static final int COLUMNS = 3;

  @TempDir Path temporary;

  /** The folder of the model, which has neighbours. */
  private Path folder;

  private Path file;

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectories(temporary.resolve("model"));
    file = folder.resolve("model.onnx");
  }

  // ---- files that others have made --------------------------------------------------------------

  @TestFactory
  Stream<DynamicTest> malformedFilesAreReadOrRefused() throws IOException {
    Path malformed = ExportedCases.folder().resolveSibling("malformed_onnx");
    assumeTrue(Files.isDirectory(malformed), "no ../shared/conformance/malformed_onnx");
    List<DynamicTest> tests = new ArrayList<>();
    JsonNode manifest =
        new JsonMapper().readTree(Files.readString(malformed.resolve("manifest.json")));
    for (JsonNode each : manifest.get("files")) {
      String name = each.get("file").asText();
      String expect = each.get("expect").asText();
      tests.add(
          DynamicTest.dynamicTest(
              name + ": " + expect, () -> readsOrRefuses(malformed.resolve(name), expect)));
    }
    assertTrue(tests.size() > 1);
    return tests.stream();
  }

  private static void readsOrRefuses(Path path, String expect) {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(2),
        () -> {
          if (expect.equals("reject")) {
            refused(path);
          } else if (expect.equals("load")) {
            OnnxModel.read(path);
          } else {
            try {
              OnnxModel.read(path);
            } catch (MalformedFileException e) {
              assertTrue(String.valueOf(e.getMessage()).startsWith(path + ": "), e.toString());
            }
          }
        });
  }

  private static String refused(Path path) {
    MalformedFileException e =
        assertThrows(MalformedFileException.class, () -> OnnxModel.read(path));
    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith(path + ": "), message);
    assertTrue(message.chars().noneMatch(Character::isISOControl), message);
    return message.substring((path + ": ").length());
  }

  private String refused(ModelProto.Builder model) throws IOException {
    return refused(written(model));
  }

  private Path written(ModelProto.Builder model) throws IOException {
    return Files.write(file, model.build().toByteArray());
  }

  private ExchangedModel read(ModelProto.Builder model) throws IOException {
    return OnnxModel.read(written(model));
  }

  private static float[] run(ExchangedModel model, Tensor... inputs) {
    try (Backend backend = Devices.open("java");
        ModelRunner runner = new ModelRunner(backend, model)) {
      Tensor output = runner.run(List.of(inputs)).get(0);
      return output.type().floats(output.data());
    }
  }

  // ---- models -----------------------------------------------------------------------------------

  private static ModelProto.Builder model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
        .setGraph(graph);
  }

  private static GraphProto.Builder graph(NodeProto.Builder... nodes) {
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .setName("graph")
            .addInput(reals("x", "steps", "batch", String.valueOf(COLUMNS)))
            .addOutput(ValueInfoProto.newBuilder().setName("y"));
    for (NodeProto.Builder node : nodes) {
      graph.addNode(node);
    }
    return graph;
  }

  private static ValueInfoProto reals(String name, String... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (String dim : dims) {
      boolean isNumber = dim.chars().allMatch(c -> Character.isDigit(c) || c == '-');
      shape.addDim(
          isNumber
              ? TensorShapeProto.Dimension.newBuilder().setDimValue(Long.parseLong(dim))
              : TensorShapeProto.Dimension.newBuilder().setDimParam(dim));
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder()
                        .setElemType(TensorProto.DataType.FLOAT.getNumber())
                        .setShape(shape)))
        .build();
  }

  private static NodeProto.Builder node(String type, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setName(type.toLowerCase(java.util.Locale.ROOT))
        .setOpType(type)
        .addOutput(output)
        .addAllInput(Arrays.asList(inputs));
  }

  private static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static AttributeProto integers(String name, Long... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(List.of(values))
        .build();
  }

  private static TensorProto.Builder tensor(String name, long... dims) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(TensorProto.DataType.FLOAT.getNumber());
    Arrays.stream(dims).forEach(tensor::addDims);
    return tensor;
  }

  private static TensorProto.Builder weights(String name, long... dims) {
    int count = (int) Arrays.stream(dims).reduce(1, (a, b) -> a * b);
    TensorProto.Builder tensor = tensor(name, dims);
    for (int i = 0; i < count; i++) {
      tensor.addFloatData((i * 37 % 19 - 9) / 10f);
    }
    return tensor;
  }

  private static TensorProto.Builder longs(String name, Long... values) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.INT64.getNumber())
        .addDims(values.length)
        .addAllInt64Data(List.of(values));
  }

  /** A GRU of this input and state, with its last state as output. */
  private static GraphProto.Builder gru(String... further) {
    List<String> inputs = new ArrayList<>(List.of("x", "w", "r"));
    inputs.addAll(List.of(further));
    NodeProto.Builder node = node("GRU", "", inputs.toArray(new String[0])).addOutput("y");
    node.addAttribute(integer("hidden_size", HIDDEN));
    return graph(node)
        .addInitializer(weights("w", 1, 3 * HIDDEN, COLUMNS))
        .addInitializer(weights("r", 1, 3 * HIDDEN, HIDDEN));
  }

  private static Tensor x(int steps, int batch) {
    float[] x = new float[steps * batch * COLUMNS];
    for (int i = 0; i < x.length; i++) {
      x[i] = (i * 31 % 17 - 8) / 8f;
    }
    return Tensor.ofFloats("x", x, steps, batch, COLUMNS);
  }

  // ---- weights beside the file ------------------------------------------------------------------

  private static TensorProto.Builder external(String... keysAndValues) {
    TensorProto.Builder tensor =
        tensor("r", 1, 3 * HIDDEN, HIDDEN).setDataLocation(TensorProto.DataLocation.EXTERNAL);
    for (int i = 0; i < keysAndValues.length; i += 2) {
      tensor.addExternalData(
          StringStringEntryProto.newBuilder()
              .setKey(keysAndValues[i])
              .setValue(keysAndValues[i + 1]));
    }
    return tensor;
  }

  private static ModelProto.Builder withExternal(String... keysAndValues) {
    return model(gru().setInitializer(1, external(keysAndValues)));
  }

  /** The bytes of "r", and others around them. */
  private static byte[] beside() {
    TensorProto.Builder r = weights("r", 1, 3 * HIDDEN, HIDDEN);
    ByteBuffer bytes = ByteBuffer.allocate(64 + 4 * r.getFloatDataCount() + 8);
    bytes.order(ByteOrder.LITTLE_ENDIAN).position(64);
    r.getFloatDataList().forEach(bytes::putFloat);
    return bytes.array();
  }

  @Test
  void weightsMayStandInAFileOfTheFolder() throws IOException {
    float[] expected = run(read(model(gru())), x(4, 3));
    Files.write(Files.createDirectory(folder.resolve("data")).resolve("w.bin"), beside());
    ModelProto.Builder model =
        withExternal("location", "data/w.bin", "offset", "64", "length", "48", "checksum", "?");
    assertArrayEquals(expected, run(read(model), x(4, 3)));
    assertArrayEquals(
        expected,
        run(read(withExternal("location", "./data/w.bin", "offset", "64")), x(4, 3)),
        "without a length, which the sizes say");
  }

  @Test
  void noOtherFileIsRead() throws IOException {
    Path outside = Files.write(temporary.resolve("w.bin"), beside());
    Files.createSymbolicLink(folder.resolve("link.bin"), outside);
    Files.createSymbolicLink(folder.resolve("up"), temporary);
    Files.createDirectory(folder.resolve("directory"));
    for (String location :
        List.of(
            outside.toAbsolutePath().toString(),
            "../w.bin",
            "directory/../../w.bin",
            "link.bin",
            "up/w.bin",
            "directory",
            "nothing.bin",
            "nothing/w.bin",
            "w\0.bin",
            "C:\\w.bin",
            "file:///w.bin",
            ".",
            "")) {
      String message = refused(withExternal("location", location, "offset", "64"));
      assertTrue(message.startsWith("tensor 'r' is in '"), message);
      assertTrue(message.contains("folder"), message);
    }
    assertTrue(refused(withExternal("offset", "0")).startsWith("tensor 'r' is in ''"));
  }

  @ParameterizedTest
  @CsvSource({
    "73, 48",
    "64, 96",
    "64, 44",
    "-1, 48",
    "64, -1",
    "64, -48",
    "120, 48",
    "0, 0",
    "9223372036854775807, 48",
    "9223372036854775800, 9223372036854775800",
    "121, 1099511627776"
  })
  void noOtherPlaceIsRead(String offset, String length) throws IOException {
    Files.write(folder.resolve("w.bin"), beside());
    String message = refused(withExternal("location", "w.bin", "offset", offset, "length", length));
    assertTrue(message.startsWith("tensor 'r' is at " + offset + " "), message);
    assertTrue(message.endsWith("its sizes need 48"), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "", "1.5", "99999999999999999999", "0x10"})
  void placesAreNumbers(String offset) throws IOException {
    Files.write(folder.resolve("w.bin"), beside());
    String message = refused(withExternal("location", "w.bin", "offset", offset));
    assertTrue(message.contains("at a place that is no number"), message);
  }

  /** A thousand tensors that are almost the same gigabyte are a thousand gigabytes. */
  @Test
  void filesBesideAreNotReadManyTimes() throws IOException {
    Files.write(folder.resolve("w.bin"), new byte[1 << 20]);
    GraphProto.Builder graph = gru();
    for (int i = 0; i < 3; i++) {
      graph.addInitializer(
          external("location", "w.bin", "offset", String.valueOf(4 * i))
              .setName("t" + i)
              .clearDims()
              .addDims((1 << 18) - 2));
    }
    String message = refused(model(graph));
    assertTrue(message.startsWith("tensor 't1' is in 'w.bin'"), message);
    assertTrue(message.contains("more bytes"), message);
  }

  /** Exporters tie weights by giving them one place. */
  @Test
  void tensorsAtOnePlaceAreOne() throws IOException {
    GraphProto.Builder once = gru();
    List<TensorProto> inFile = once.getInitializerList();
    ByteBuffer bytes = ByteBuffer.allocate(4 * 3 * HIDDEN * (COLUMNS + HIDDEN));
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    inFile.forEach(tensor -> tensor.getFloatDataList().forEach(bytes::putFloat));
    Files.write(folder.resolve("w.bin"), bytes.array());
    GraphProto.Builder twice = gru().clearInitializer();
    NodeProto.Builder second =
        node("GRU", "", "x", "w2", "r2")
            .addOutput("z")
            .addAttribute(integer("hidden_size", HIDDEN));
    twice.addNode(second).addOutput(ValueInfoProto.newBuilder().setName("z"));
    long offset = 0;
    for (TensorProto tensor : inFile) {
      for (String name : List.of(tensor.getName(), tensor.getName() + "2")) {
        twice.addInitializer(
            external("location", "w.bin", "offset", String.valueOf(offset))
                .setName(name)
                .clearDims()
                .addAllDims(tensor.getDimsList()));
      }
      offset += 4L * tensor.getFloatDataCount();
    }
    ExchangedModel expected = read(model(once));
    ExchangedModel actual = read(model(twice));
    assertEquals(
        expected.parameters().stream().map(p -> p.values().length).toList(),
        actual.parameters().stream().map(p -> p.values().length).toList());
    assertArrayEquals(run(expected, x(4, 3)), run(actual, x(4, 3)));
  }

  /** And count once, however many names they have, for what may be worked out of them too. */
  @Test
  void aPlaceOfManyNamesIsReadOnce() throws IOException {
    int count = 1 << 16;
    Files.write(folder.resolve("w.bin"), new byte[4 * count]);
    GraphProto.Builder graph = gru();
    for (int i = 0; i < 1000; i++) {
      TensorProto.Builder tensor = external("location", "w.bin").setName("t" + i).clearDims();
      graph.addInitializer(i % 2 == 0 ? tensor.addDims(count) : tensor.addDims(1).addDims(count));
    }
    ModelProto.Builder model = model(graph);
    run(read(model), x(4, 3)); // and loads all classes
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    read(model);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(allocated < 16 << 20, allocated + " bytes");

    String[] parts = Collections.nCopies(200, "t0").toArray(new String[0]);
    graph.addNode(node("Concat", "wide", parts).addAttribute(integer("axis", 0)));
    graph.addOutput(ValueInfoProto.newBuilder().setName("wide"));
    String message = refused(model(graph));
    assertTrue(message.contains("needs 13107200 numbers that are known before"), message);
  }

  // ---- initial states ---------------------------------------------------------------------------

  @Test
  void zerosForABatchAreZerosForAny() throws IOException {
    GraphProto.Builder graph = gru("", "", "h0");
    TensorProto.Builder h0 = tensor("h0", 1, 3, HIDDEN);
    h0.addAllFloatData(Collections.nCopies(3 * HIDDEN, 0f));
    float[] expected = run(read(model(gru())), x(4, 5));
    assertArrayEquals(expected, run(read(model(graph.addInitializer(h0))), x(4, 5)));
  }

  @Test
  void statesThatAreTheSameForEachSequenceAreLearned() throws IOException {
    TensorProto.Builder h0 = tensor("h0", 1, 3, HIDDEN);
    for (int b = 0; b < 3; b++) {
      h0.addAllFloatData(List.of(0.5f, -0.25f));
    }
    ExchangedModel model = read(model(gru("", "", "h0").addInitializer(h0)));
    assertTrue(
        model.parameters().stream()
            .anyMatch(p -> Arrays.equals(p.values(), new float[] {0.5f, -0.25f})),
        model.parameters().toString());
    // Given as an input, for five sequences.
    GraphProto.Builder given = gru("", "", "h0").addInput(reals("h0", "1", "batch", "2"));
    float[] states = {.5f, -.25f, .5f, -.25f, .5f, -.25f, .5f, -.25f, .5f, -.25f};
    assertArrayEquals(
        run(read(model(given)), x(4, 5), Tensor.ofFloats("h0", states, 1, 5, HIDDEN)),
        run(model, x(4, 5)));
  }

  @Test
  void statesThatDifferBySequenceAreRefused() throws IOException {
    TensorProto.Builder h0 = weights("h0", 1, 3, HIDDEN);
    String message = refused(model(gru("", "", "h0").addInitializer(h0)));
    assertEquals(
        "node 'gru' (GRU) starts from states that stand in the file, others for each of 3"
            + " sequences; needed the same for all",
        message);
  }

  // ---- what is refused by name ------------------------------------------------------------------

  @Test
  void unknownAttributesAndInputsAreRefused() throws IOException {
    GraphProto.Builder graph = gru();
    graph.getNodeBuilder(0).addAttribute(integer("turbo", 1));
    assertEquals(
        "node 'gru' (GRU) has attributes that are not supported: [turbo]", refused(model(graph)));
    assertEquals(
        "node 'gru' (GRU) has the input 6, 'w', which is not supported",
        refused(model(gru("", "", "", "w"))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"If", "Loop", "Scan"})
  void subgraphsAreRefused(String type) throws IOException {
    NodeProto.Builder node = node(type, "y", "x");
    node.addAttribute(
        AttributeProto.newBuilder()
            .setName("body")
            .setType(AttributeProto.AttributeType.GRAPH)
            .setG(GraphProto.getDefaultInstance()));
    String label = "node '" + type.toLowerCase(java.util.Locale.ROOT) + "' (" + type + ")";
    String why =
        type.equals("Scan")
            ? " is no cell as this library writes it; other loops are not supported"
            : " is of an operator that is not supported";
    assertEquals(label + why, refused(model(graph(node))));
    // On an operator that is known it is an attribute that is not.
    NodeProto.Builder known = node.setOpType("Relu");
    assertTrue(refused(model(graph(known))).endsWith("not supported: [body]"));
  }

  @Test
  void operatorsOfOtherDomainsAreRefused() throws IOException {
    NodeProto.Builder node = node("Gelu", "y", "x").setDomain("com.microsoft");
    assertEquals(
        "node 'gelu' (Gelu) is of an operator that is not supported, of the domain"
            + " 'com.microsoft'",
        refused(model(graph(node))));
  }

  @Test
  void messagesAreOneLine() throws IOException {
    String name = "a\nb\r\u0007" + "c".repeat(5000);
    String message = refused(model(graph(node("Relu", "y", name))));
    assertTrue(message.contains("'a?b??c") && message.length() < 1100, message);
  }

  @Test
  void inputsHaveShapesAndNamesOfTheirOwn() throws IOException {
    GraphProto.Builder twice = graph(node("Relu", "y", "x")).addInput(reals("x", "2"));
    assertEquals("has two inputs 'x'", refused(model(twice)));
    GraphProto.Builder none = graph(node("Relu", "y", "x"));
    none.getInputBuilder(0).getTypeBuilder().getTensorTypeBuilder().clearShape();
    assertTrue(refused(model(none)).startsWith("input 'x' has no shape"));
  }

  // ---- bombs ------------------------------------------------------------------------------------

  /** A few nodes that ask for any number of numbers. */
  @TestFactory
  Stream<DynamicTest> bombsAreRefused() {
    List<DynamicTest> tests = new ArrayList<>();
    for (String type : List.of("Add", "MatMul")) {
      GraphProto.Builder outer =
          graph(node(type, "z", "a", "b"), node("Add", "y", "x", "z"))
              .addInitializer(weights("a", 3000, 1))
              .addInitializer(weights("b", 1, 3000));
      tests.add(bomb(type + " of a column and a row", outer));
    }
    GraphProto.Builder integers =
        graph(node("ConstantOfShape", "z", "n"), node("Reshape", "y", "x", "z"))
            .addInitializer(longs("n", (1L << 31) - 1));
    integers
        .getNodeBuilder(0)
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("value")
                .setType(AttributeProto.AttributeType.TENSOR)
                .setT(longs("", 1L)));
    tests.add(bomb("a list of integers", integers));
    GraphProto.Builder range =
        graph(node("Range", "r", "a", "b", "c"), node("Reshape", "y", "x", "r"))
            .addInitializer(longs("a", Long.MIN_VALUE))
            .addInitializer(longs("b", Long.MAX_VALUE))
            .addInitializer(longs("c", 1L));
    tests.add(bomb("counting", range));
    GraphProto.Builder concats = graph().addInitializer(weights("v0", 64));
    for (int i = 0; i < 60; i++) {
      concats.addNode(
          node("Concat", "v" + (i + 1), "v" + i, "v" + i).addAttribute(integer("axis", 0)));
    }
    tests.add(bomb("numbers beside themselves", concats.addNode(node("Add", "y", "x", "v60"))));
    GraphProto.Builder sizes = graph(node("Shape", "v0", "x"));
    GraphProto.Builder wide = graph().setInput(0, reals("v0", "steps", "batch", "3"));
    for (int i = 0; i < 60; i++) {
      sizes.addNode(node("Mul", "v" + (i + 1), "v" + i, "v" + i));
      wide.addNode(
          node("Concat", "v" + (i + 1), "v" + i, "v" + i).addAttribute(integer("axis", -1)));
    }
    tests.add(bomb("sizes times themselves", sizes.addNode(node("Expand", "y", "x", "v60"))));
    tests.add(bomb("columns beside themselves", wide.addNode(node("Relu", "y", "v60"))));
    GraphProto.Builder columns =
        graph(node("Unsqueeze", "u", "x", "a"), node("Expand", "y", "u", "s"))
            .addInitializer(longs("a", 3L))
            .addInitializer(longs("s", 1L, 1L, 1L, 1L << 28));
    tests.add(bomb("columns repeated", columns));
    GraphProto.Builder pieces =
        graph(node("Slice", "y", "x", "from", "to", "axis"))
            .setInput(0, reals("x", "steps", "batch", "2147483647"))
            .addInitializer(longs("from", 1L))
            .addInitializer(longs("to", 2147483646L))
            .addInitializer(longs("axis", 2L));
    tests.add(bomb("places of a large dimension", pieces));
    Long[] ones = new Long[100_000];
    Arrays.setAll(ones, i -> (long) i);
    GraphProto.Builder dims = graph(node("Unsqueeze", "y", "x"));
    dims.getNodeBuilder(0).addAttribute(integers("axes", ones));
    tests.add(bomb("dimensions of 1", dims));
    return tests.stream();
  }

  private DynamicTest bomb(String name, GraphProto.Builder graph) {
    return DynamicTest.dynamicTest(
        name,
        () ->
            Assertions.assertTimeoutPreemptively(
                Duration.ofSeconds(2),
                () -> {
                  Path path = temporary.resolve("bomb.onnx");
                  Files.write(path, model(graph).build().toByteArray());
                  String message = refused(path);
                  assertTrue(message.matches("node '.*(needed at most|needs|smaller).*"), message);
                }));
  }

  /** Long graphs take time that grows with them, and not with their square. */
  @Test
  void manyNodesAreRead() throws IOException {
    GraphProto.Builder graph = graph();
    String last = "x";
    for (int i = 0; i < 5000; i++) {
      String next = "v" + i;
      graph.addNode(node(i % 2 == 0 ? "Sigmoid" : "Tanh", next, last));
      last = next;
    }
    graph.addNode(node("Relu", "y", last));
    Path path = written(model(graph));
    Assertions.assertTimeoutPreemptively(Duration.ofSeconds(10), () -> OnnxModel.read(path));
  }

  @Test
  void emptyFilesAreRefused() throws IOException {
    Files.write(file, new byte[0]);
    assertEquals("holds no graph; needed an ONNX model", refused(file));
  }
}
