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
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads the cases of {@code ../shared/conformance}, or of {@code $SEQUOR_SHARED/conformance}. */
final class ConformanceFiles {
  private static final String SHARED = "SEQUOR_SHARED";

  /** Names of the inputs of an ONNX recurrent node, by position; LSTM has the last two. */
  static final List<String> NODE_INPUTS =
      List.of("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P");

  static final List<String> NODE_OUTPUTS = List.of("Y", "Y_h", "Y_c");

  private static final String ONNX_NODE = "onnx_node";

  /** Of which there are no weights under a known name. */
  static final String A_LAYER_ON_TOP = "a further layer on top";

  static final String TO_BE_REJECTED = "to be rejected, by the facade";

  /** What cases of every schema may say; what else they say could change what is expected. */
  private static final Set<String> MEMBERS =
      Set.of(
          "id",
          "cell",
          "convention",
          "kind",
          "source",
          "config",
          "inputs",
          "weights",
          "calls_with_same_input",
          "expected",
          "output_gradient",
          "notes",
          "corrected",
          "upstream_tolerance",
          "verified",
          "finite_difference_max_rel_dev");

  private static final Set<String> COUPLINGS = Set.of("coupled_input_forget", "input_forget");

  private ConformanceFiles() {}

  static Path folder() {
    String shared = System.getenv(SHARED);
    return Path.of(shared == null ? "../shared" : shared).resolve("conformance");
  }

  /** What {@link #read} takes: the folder's JSON files, and {@code onnx_node} if it is there. */
  static List<String> names(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .map(path -> String.valueOf(path.getFileName()))
          .filter(name -> name.endsWith(".json") || name.equals(ONNX_NODE))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All cases of a JSON file, or of {@code onnx_node}. */
  static List<ConformanceCase> read(Path conformance, String name) {
    try {
      List<ConformanceCase> cases = new ArrayList<>();
      if (name.equals(ONNX_NODE)) {
        try (Stream<Path> folders = Files.list(conformance.resolve(name))) {
          for (Path node : folders.sorted().toList()) {
            cases.add(readable(node));
          }
        }
        return cases;
      }
      JsonNode root = new ObjectMapper().readTree(conformance.resolve(name).toFile());
      String schema = root.path("schema").asText();
      for (JsonNode json : root.path("cases")) {
        cases.add(readable(name, schema, json));
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ConformanceCase readable(Path node) throws IOException {
    try {
      return onnxNode(node).toCase();
    } catch (IllegalArgumentException e) {
      return ConformanceCase.unreadable(ONNX_NODE + "/" + node.getFileName(), "forward", e);
    }
  }

  /** The folders of {@code onnx_node}. */
  static List<Path> onnxNodes(Path conformance) {
    try (Stream<Path> folders = Files.list(conformance.resolve(ONNX_NODE))) {
      return folders.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The cases of a JSON file that are one node, as ONNX has them; also those to be rejected. */
  static List<OnnxNodeCase> nodes(Path conformance, String name) {
    try {
      JsonNode root = new ObjectMapper().readTree(conformance.resolve(name).toFile());
      List<OnnxNodeCase> nodes = new ArrayList<>();
      for (JsonNode json : root.path("cases")) {
        if (!json.path("convention").asText().equals("onnx")) {
          throw new IllegalArgumentException(name + " has cases of another convention");
        }
        nodes.add(rnnCase(json.path("id").asText(), json.path("kind").asText(), json));
      }
      return nodes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ConformanceCase readable(String file, String schema, JsonNode json) {
    String id = json.path("id").asText(file);
    String kind = json.path("cell").asText() + " " + json.path("kind").asText();
    try {
      if (json.path("kind").asText().equals("reject")) {
        return ConformanceCase.unsupported(id, kind, TO_BE_REJECTED);
      }
      requireKnown(id, "member", json, MEMBERS);
      if (json.path("expected").has("head_output")) {
        return ConformanceCase.unsupported(id, kind, A_LAYER_ON_TOP);
      }
      return switch (schema) {
        case "rnn-case/1" -> rnnCase(id, kind, json).toCase();
        case "rnn-case/1-keras" -> KerasCase.of(id, kind, json);
        case "rnn-case/1-derived" -> DerivedCase.of(id, kind, json);
        default -> throw new IllegalArgumentException("schema '" + schema + "' of " + file);
      };
    } catch (RuntimeException e) {
      return ConformanceCase.unreadable(id, kind, e);
    }
  }

  /** Refuses what would be overlooked. */
  static void requireKnown(String id, String what, JsonNode object, Set<String> known) {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (!known.contains(field.getKey())) {
        throw new IllegalArgumentException(
            id
                + " has the "
                + what
                + " '"
                + field.getKey()
                + "'; known are "
                + new TreeSet<>(known));
      }
    }
  }

  /** A flag or number, however it is written. */
  static double number(String name, JsonNode value, double otherwise) {
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (value.isNumber()) {
      return value.asDouble();
    }
    String text = value.asText().strip().toLowerCase(Locale.ROOT);
    if (text.equals("true") || text.equals("false")) {
      return text.equals("true") ? 1 : 0;
    }
    if (COUPLINGS.contains(name)) { // the equation that couples the gates, say
      return Set.of("", "0", "no", "none").contains(text) ? 0 : 1;
    }
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + " is " + value + "; needed a number", e);
    }
  }

  private static OnnxNodeCase rnnCase(String id, String kind, JsonNode json) {
    JsonNode config = json.get("config");
    requireKnown(id, "setting", config, OnnxNodeCase.ATTRIBUTES);
    Map<String, CaseTensor> inputs = new HashMap<>();
    Map<String, CaseTensor> gradients = new HashMap<>();
    tensors(json.path("inputs"), CaseTensor::input)
        .forEach(
            (name, t) -> {
              // Operators of training take the gradients of their outputs as inputs.
              if (name.startsWith("grad_")) {
                gradients.put(name.substring("grad_".length()), t);
              } else if (!OnnxNodeCase.INTERNAL.contains(name) && !name.equals("HAll")) {
                inputs.put(plainName(name), t);
              }
            });
    gradients.putAll(tensors(json.path("output_gradient"), CaseTensor::input));
    Map<String, Double> slack = new HashMap<>();
    for (Map.Entry<String, JsonNode> e : json.path("verified").path("max_abs_err").properties()) {
      slack.put(e.getKey(), e.getValue().asDouble());
    }
    return new OnnxNodeCase(
        id,
        kind,
        json.path("cell").asText(),
        new OnnxNodeCase.Attributes() {
          @Override
          public String text(String name, String otherwise) {
            return config.path(name).asText(otherwise);
          }

          @Override
          public double number(String name, double otherwise) {
            return ConformanceFiles.number(name, config.path(name), otherwise);
          }

          @Override
          public List<String> texts(String name) {
            List<String> texts = new ArrayList<>();
            config.path(name).forEach(v -> texts.add(v.asText()));
            return texts;
          }

          @Override
          public List<Double> numbers(String name) {
            List<Double> numbers = new ArrayList<>();
            config.path(name).forEach(v -> numbers.add(ConformanceFiles.number(name, v, 0)));
            return numbers;
          }
        },
        inputs,
        tensors(json.path("expected"), CaseTensor::of),
        slack,
        gradients);
  }

  /** ONNX Runtime's training operators name the same tensors otherwise. */
  private static String plainName(String name) {
    return switch (name) {
      case "input_tensor" -> "X";
      case "weights" -> "W";
      case "recurrence_weights" -> "R";
      case "bias" -> "B";
      case "peephole_weights" -> "P";
      case "sequence_lengths", "SL" -> "sequence_lens";
      case "initial_hidden_state", "H0" -> "initial_h";
      case "initial_cell_state", "C0" -> "initial_c";
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
  static OnnxNodeCase onnxNode(Path folder) throws IOException {
    OnnxMl.ModelProto model = OnnxMl.ModelProto.parseFrom(read(folder.resolve("model.onnx")));
    OnnxMl.GraphProto graph = model.getGraph();
    String id = ONNX_NODE + "/" + folder.getFileName();
    OnnxMl.NodeProto node = graph.getNode(0);
    String kind = node.getOpType().toLowerCase(Locale.ROOT) + " forward";
    if (graph.getNodeCount() != 1 || graph.getInitializerCount() != 0) {
      throw new IllegalArgumentException("its graph is more than one node and its inputs");
    }
    Path data = folder.resolve("test_data_set_0");
    Map<String, CaseTensor> byName = new HashMap<>();
    for (int i = 0; i < graph.getInputCount(); i++) {
      byName.put(graph.getInput(i).getName(), tensor(data.resolve("input_" + i + ".pb")));
    }
    Map<String, CaseTensor> inputs = new HashMap<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      if (!node.getInput(i).isEmpty()) {
        inputs.put(
            NODE_INPUTS.get(i),
            Objects.requireNonNull(byName.get(node.getInput(i)), node.getInput(i)));
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
    for (OnnxMl.AttributeProto attribute : node.getAttributeList()) {
      if (!OnnxNodeCase.ATTRIBUTES.contains(attribute.getName())) {
        throw new IllegalArgumentException("attribute " + attribute.getName());
      }
    }
    return new OnnxNodeCase(
        id, kind, node.getOpType(), new NodeAttributes(node), inputs, expected, slack, Map.of());
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
    if (values.length != Arrays.stream(dims).reduce(1, (a, b) -> a * b)) {
      throw new IOException(path + " holds " + values.length + " values");
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

    @Override
    public List<Double> numbers(String name) {
      OnnxMl.AttributeProto found = find(name);
      return found == null
          ? List.of()
          : found.getFloatsList().stream().map(Float::doubleValue).toList();
    }
  }
}
