package dev.sequor.contract;

import ai.onnx.proto.OnnxMl;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads the cases of {@code ../shared/conformance}, or of {@code $SEQUOR_SHARED/conformance}. */
final class ConformanceFiles {
  private static final String SHARED = "SEQUOR_SHARED";

  /** Names of the inputs of an ONNX recurrent node, by position; LSTM has the last two. */
  private static final List<String> NODE_INPUTS =
      List.of("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P");

  private static final List<String> NODE_OUTPUTS = List.of("Y", "Y_h", "Y_c");

  private ConformanceFiles() {}

  static Path folder() {
    String shared = System.getenv(SHARED);
    return Path.of(shared == null ? "../shared" : shared).resolve("conformance");
  }

  /** All cases of {@code name}: a JSON file, or {@code onnx_node}. */
  static List<ConformanceCase> read(String name) {
    try {
      if (name.equals("onnx_node")) {
        try (Stream<Path> folders = Files.list(folder().resolve(name))) {
          List<ConformanceCase> cases = new ArrayList<>();
          for (Path node : folders.sorted().toList()) {
            cases.add(onnxNode(node));
          }
          return cases;
        }
      }
      JsonNode root = new ObjectMapper().readTree(folder().resolve(name + ".json").toFile());
      List<ConformanceCase> cases = new ArrayList<>();
      for (JsonNode json : root.get("cases")) {
        cases.add(
            switch (root.get("schema").asText()) {
              case "rnn-case/1" -> rnnCase(json);
              case "rnn-case/1-keras" -> KerasCase.of(json);
              case "rnn-case/1-derived" -> DerivedCase.of(json);
              default -> throw new IOException(name + " has schema " + root.get("schema"));
            });
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ConformanceCase rnnCase(JsonNode json) {
    String id = json.get("id").asText();
    if (json.get("kind").asText().equals("reject")) {
      return ConformanceCase.unsupported(id, "to be rejected, by the facade");
    }
    JsonNode config = json.get("config");
    Map<String, CaseTensor> inputs = new HashMap<>();
    tensors(json.get("inputs"), CaseTensor::input)
        .forEach((name, t) -> inputs.put(plainName(name), t));
    JsonNode gradient = json.get("output_gradient");
    Map<String, Double> slack = new HashMap<>();
    for (Map.Entry<String, JsonNode> e : json.path("verified").path("max_abs_err").properties()) {
      slack.put(e.getKey(), e.getValue().asDouble());
    }
    return new OnnxNodeCase(
            id,
            json.get("cell").asText(),
            new OnnxNodeCase.Attributes() {
              @Override
              public String text(String name, String otherwise) {
                return config.path(name).asText(otherwise);
              }

              @Override
              public double number(String name, double otherwise) {
                JsonNode value = config.path(name);
                return value.isBoolean() ? (value.asBoolean() ? 1 : 0) : value.asDouble(otherwise);
              }

              @Override
              public List<String> texts(String name) {
                List<String> texts = new ArrayList<>();
                config.path(name).forEach(v -> texts.add(v.asText()));
                return texts;
              }
            },
            inputs,
            tensors(json.get("expected"), CaseTensor::of),
            slack,
            gradient == null ? null : CaseTensor.input(gradient.get("Y")))
        .toCase();
  }

  /** ONNX Runtime's training operators name the same tensors otherwise. */
  private static String plainName(String name) {
    return switch (name) {
      case "input_tensor" -> "X";
      case "weights" -> "W";
      case "recurrence_weights" -> "R";
      case "bias" -> "B";
      default -> name;
    };
  }

  private static Map<String, CaseTensor> tensors(
      JsonNode node, Function<JsonNode, CaseTensor> read) {
    Map<String, CaseTensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (!field.getValue().isNull()) {
        tensors.put(field.getKey(), read.apply(field.getValue()));
      }
    }
    return tensors;
  }

  /** A folder with model.onnx and one data set. Outputs are bound by position. */
  private static ConformanceCase onnxNode(Path folder) throws IOException {
    OnnxMl.ModelProto model = OnnxMl.ModelProto.parseFrom(read(folder.resolve("model.onnx")));
    OnnxMl.GraphProto graph = model.getGraph();
    OnnxMl.NodeProto node = graph.getNode(0);
    Path data = folder.resolve("test_data_set_0");
    Map<String, CaseTensor> byName = new HashMap<>();
    for (int i = 0; i < graph.getInputCount(); i++) {
      byName.put(graph.getInput(i).getName(), tensor(data.resolve("input_" + i + ".pb")));
    }
    Map<String, CaseTensor> inputs = new HashMap<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      CaseTensor value = byName.get(node.getInput(i));
      if (value != null) {
        inputs.put(NODE_INPUTS.get(i), value);
      }
    }
    Map<String, CaseTensor> expected = new LinkedHashMap<>();
    int file = 0;
    for (int i = 0; i < node.getOutputCount(); i++) {
      if (!node.getOutput(i).isEmpty()) {
        expected.put(NODE_OUTPUTS.get(i), tensor(data.resolve("output_" + file++ + ".pb")));
      }
    }
    Map<String, Double> slack = new HashMap<>();
    for (String name : expected.keySet()) {
      slack.put(name, 2e-7); // numpy's float32
    }
    String id = "onnx_node/" + folder.getFileName();
    return new OnnxNodeCase(
            id, node.getOpType(), new NodeAttributes(node), inputs, expected, slack, null)
        .toCase();
  }

  private static byte[] read(Path path) throws IOException {
    return Files.readAllBytes(path);
  }

  private static CaseTensor tensor(Path path) throws IOException {
    OnnxMl.TensorProto proto = OnnxMl.TensorProto.parseFrom(read(path));
    int[] dims = proto.getDimsList().stream().mapToInt(Long::intValue).toArray();
    ByteBuffer raw = proto.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    boolean integers = proto.getDataType() == OnnxMl.TensorProto.DataType.INT32.getNumber();
    if (!integers && proto.getDataType() != OnnxMl.TensorProto.DataType.FLOAT.getNumber()) {
      throw new IOException(path + " has data type " + proto.getDataType());
    }
    double[] values = new double[raw.remaining() / 4];
    for (int i = 0; i < values.length; i++) {
      values[i] = integers ? raw.getInt() : raw.getFloat();
    }
    return new CaseTensor(dims, values);
  }

  private record NodeAttributes(OnnxMl.NodeProto node) implements OnnxNodeCase.Attributes {
    private OnnxMl.@Nullable AttributeProto find(String name) {
      return node.getAttributeList().stream()
          .filter(a -> a.getName().equals(name))
          .findFirst()
          .orElse(null);
    }

    @Override
    public String text(String name, String otherwise) {
      OnnxMl.AttributeProto found = find(name);
      return found == null ? otherwise : found.getS().toStringUtf8();
    }

    @Override
    public double number(String name, double otherwise) {
      OnnxMl.AttributeProto found = find(name);
      if (found == null) {
        return otherwise;
      }
      return found.getType() == OnnxMl.AttributeProto.AttributeType.FLOAT
          ? found.getF()
          : found.getI();
    }

    @Override
    public List<String> texts(String name) {
      OnnxMl.AttributeProto found = find(name);
      return found == null
          ? List.of()
          : found.getStringsList().stream().map(s -> s.toStringUtf8()).toList();
    }
  }
}
