package dev.sequor.contract;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A published case of one node as a file: its weights stand there, and all else is given. */
final class OnnxCaseFile {
  private static final Set<String> WEIGHTS = Set.of("W", "R", "B", "P");

  private OnnxCaseFile() {}

  /**
   * The model, its outputs under ONNX's names.
   *
   * @param fixed whether sizes are those of the case; if not, any number will do
   */
  static ModelProto model(OnnxNodeCase c, int opset, boolean fixed) {
    String operator = c.operator().toUpperCase(Locale.ROOT);
    NodeProto.Builder node = NodeProto.newBuilder().setOpType(operator).setName("layer");
    GraphProto.Builder graph = GraphProto.newBuilder().setName("case");
    int left = 0;
    for (String name : ConformanceFiles.NODE_INPUTS) {
      CaseTensor tensor = c.inputs().get(name);
      if (tensor == null) {
        left++;
        continue;
      }
      for (; left > 0; left--) {
        node.addInput("");
      }
      node.addInput(name);
      if (WEIGHTS.contains(name)) {
        long[] dims = Arrays.stream(tensor.dims).asLongStream().toArray();
        graph.addInitializer(OnnxRuntime.tensor(name, tensor.data, dims));
      } else {
        graph.addInput(input(name, tensor, fixed));
      }
    }
    left = 0;
    for (String name : ConformanceFiles.NODE_OUTPUTS) {
      if (expected(c, name) == null && !(c.expected().isEmpty() && name.equals("Y"))) {
        left++;
        continue;
      }
      for (; left > 0; left--) {
        node.addOutput("");
      }
      node.addOutput(name);
      graph.addOutput(ValueInfoProto.newBuilder().setName(name).setType(OnnxRuntime.floats()));
    }
    addAttributes(node, c.attributes(), operator);
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
        .setGraph(graph.addNode(node))
        .build();
  }

  private static void addAttributes(
      NodeProto.Builder node, OnnxNodeCase.Attributes given, String operator) {
    String direction = given.text("direction", "");
    if (!direction.isEmpty()) {
      node.addAttribute(OnnxRuntime.attribute("direction", List.of(direction), false));
    }
    for (String name : List.of("hidden_size", "linear_before_reset", "layout", "input_forget")) {
      int value = (int) given.number(name, -1);
      boolean known =
          switch (name) {
            case "linear_before_reset" -> operator.equals("GRU") || value > 0;
            case "input_forget" -> operator.equals("LSTM") || value > 0;
            default -> true;
          };
      if (value >= 0 && known) {
        node.addAttribute(OnnxRuntime.attribute(name, value));
      }
    }
    float clip = (float) given.number("clip", Double.NaN);
    if (!Float.isNaN(clip)) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName("clip")
              .setType(AttributeProto.AttributeType.FLOAT)
              .setF(clip));
    }
    if (!given.texts("activations").isEmpty()) {
      node.addAttribute(OnnxRuntime.attribute("activations", given.texts("activations"), true));
    }
    for (String name : List.of("activation_alpha", "activation_beta")) {
      List<Float> values = given.numbers(name).stream().map(Double::floatValue).toList();
      OnnxRuntime.addFloats(node, name, values);
    }
  }

  private static ValueInfoProto input(String name, CaseTensor tensor, boolean fixed) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (int d = 0; d < tensor.dims.length; d++) {
      TensorShapeProto.Dimension.Builder dim = TensorShapeProto.Dimension.newBuilder();
      boolean isColumns = d > 1 || (d == 0 && name.startsWith("initial"));
      if (fixed || isColumns) {
        dim.setDimValue(tensor.dims[d]);
      } else {
        dim.setDimParam(name + d);
      }
      shape.addDim(dim);
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type(name)).setShape(shape)))
        .build();
  }

  private static int type(String name) {
    boolean integers = name.equals("sequence_lens");
    return (integers ? TensorProto.DataType.INT32 : TensorProto.DataType.FLOAT).getNumber();
  }

  /** What output {@code name} is to be; null if nobody knows. */
  static @Nullable CaseTensor expected(OnnxNodeCase c, String name) {
    Map<String, CaseTensor> all = c.expected();
    String training =
        switch (name) {
          case "Y" -> "HAll";
          case "Y_h" -> "final_h";
          default -> "final_c";
        };
    return all.getOrDefault(name, all.get(training));
  }

  /** What the model takes, under these names, which are the node's inputs by their positions. */
  static List<Tensor> inputs(OnnxNodeCase c, List<String> names) {
    List<Tensor> tensors = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      String name = ConformanceFiles.NODE_INPUTS.get(i);
      CaseTensor tensor = c.inputs().get(name);
      if (tensor == null || WEIGHTS.contains(name)) {
        continue;
      }
      long[] dims = Arrays.stream(tensor.dims).asLongStream().toArray();
      tensors.add(
          name.equals("sequence_lens")
              ? Tensor.ofIntegers(
                  names.get(i),
                  Arrays.stream(tensor.toInts()).asLongStream().toArray(),
                  Arrays.stream(dims).boxed().toList())
              : Tensor.ofFloats(names.get(i), BackendRun.toFloats(tensor.data), dims));
    }
    return tensors;
  }

  /** A folder of ONNX's own tests: its model, with those inputs that are weights in the file. */
  static ModelProto withWeights(Path folder) throws IOException {
    ModelProto model = ModelProto.parseFrom(Files.readAllBytes(folder.resolve("model.onnx")));
    GraphProto graph = model.getGraph();
    List<String> inputs = graph.getNode(0).getInputList();
    GraphProto.Builder changed = graph.toBuilder().clearInput();
    for (int i = 0; i < graph.getInputCount(); i++) {
      ValueInfoProto input = graph.getInput(i);
      String role = ConformanceFiles.NODE_INPUTS.get(inputs.indexOf(input.getName()));
      if (WEIGHTS.contains(role)) {
        Path data = folder.resolve("test_data_set_0").resolve("input_" + i + ".pb");
        changed.addInitializer(
            TensorProto.parseFrom(Files.readAllBytes(data)).toBuilder().setName(input.getName()));
      } else {
        changed.addInput(Objects.requireNonNull(input));
      }
    }
    return model.toBuilder().setGraph(changed).build();
  }
}
