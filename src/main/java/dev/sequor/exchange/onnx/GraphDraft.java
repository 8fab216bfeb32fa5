package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A graph of ONNX in the making: nodes in the order in which they run, and numbers that stand in
 * the file. What a tensor is called depends on the calls alone, so the same calls make the same
 * bytes.
 */
final class GraphDraft {
  /** What a protobuf message may hold, less what the graph around the numbers may take. */
  private static final long MOST_BYTES = Integer.MAX_VALUE - (64L << 20);

  private static final Pattern NUMBERS = Pattern.compile("(?<=.)_[0-9]+(?=\\.|$)");

  private final int opset;
  private final List<NodeProto.Builder> nodes = new ArrayList<>();
  private final Map<String, TensorProto> initializers;
  private final List<ValueInfoProto> inputs = new ArrayList<>();
  private final List<ValueInfoProto> outputs = new ArrayList<>();
  private final Set<String> names;

  /** The graph whose node this is the body of; null if it is none's. */
  private final @Nullable GraphDraft outer;

  /** What tensors that nodes make are called in the end. */
  private final Map<String, String> renamed = new HashMap<>();

  private final Set<String> made = new HashSet<>();
  private long bytes;

  /**
   * An empty graph.
   *
   * @param reserved names that only inputs and outputs may have
   */
  GraphDraft(int opset, Set<String> reserved) {
    this.opset = opset;
    this.names = new HashSet<>(reserved);
    this.initializers = new LinkedHashMap<>();
    this.outer = null;
  }

  private GraphDraft(GraphDraft outer) {
    this.opset = outer.opset;
    this.names = outer.names;
    this.initializers = outer.initializers;
    this.outer = outer;
  }

  /** The body of a node: its numbers are those of the graph around it, and so are its names. */
  GraphDraft body() {
    return new GraphDraft(this);
  }

  /** Adds an input of a body; its name. */
  String bodyInput(String wanted, TensorProto.DataType type) {
    String name = newName(wanted);
    inputs.add(info(name, type, null));
    return name;
  }

  /** Adds an output of a body: {@code tensor} by another name. */
  void bodyOutput(String wanted, String tensor) {
    String name = add("Identity", wanted, List.of(tensor));
    outputs.add(info(name, TensorProto.DataType.FLOAT, null));
  }

  int opset() {
    return opset;
  }

  // ---- attributes -------------------------------------------------------------------------------

  static AttributeProto attribute(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  static AttributeProto attribute(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  static AttributeProto attribute(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }

  static AttributeProto integers(String name, List<Integer> values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    values.forEach(attribute::addInts);
    return attribute.build();
  }

  static AttributeProto numbers(String name, List<Float> values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOATS)
        .addAllFloats(values)
        .build();
  }

  static AttributeProto texts(String name, List<String> values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.STRINGS);
    values.forEach(value -> attribute.addStrings(ByteString.copyFromUtf8(value)));
    return attribute.build();
  }

  static AttributeProto graph(String name, GraphProto value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(value)
        .build();
  }

  // ---- nodes ------------------------------------------------------------------------------------

  /** Numbers behind names are given anew, so that they do not depend on whoever gave the others. */
  private String newName(String wanted) {
    String plain = NUMBERS.matcher(wanted).replaceAll("");
    String name = plain;
    for (int i = 2; !names.add(name); i++) {
      name = plain + "_" + i;
    }
    return name;
  }

  /** Adds a node of one output; its name, like {@code wanted}. */
  String add(String operator, String wanted, List<String> from, AttributeProto... attributes) {
    return addAll(operator, List.of(wanted), from, attributes).get(0);
  }

  /** Adds a node of several outputs; an empty name is one that is left out. */
  List<String> addAll(
      String operator, List<String> wanted, List<String> from, AttributeProto... attributes) {
    List<String> to = wanted.stream().map(name -> name.isEmpty() ? name : newName(name)).toList();
    made.addAll(to);
    nodes.add(
        NodeProto.newBuilder()
            .setName(to.stream().filter(name -> !name.isEmpty()).findFirst().orElse(operator))
            .setOpType(operator)
            .addAllInput(from)
            .addAllOutput(to)
            .addAllAttribute(List.of(attributes)));
    return to;
  }

  // ---- numbers ----------------------------------------------------------------------------------

  /** Real numbers of the file, made when their name is first asked for. */
  String weights(String name, List<Integer> sizes, Supplier<float[]> values) {
    String key = names.contains(name) && !initializers.containsKey(name) ? name + ".weights" : name;
    if (!initializers.containsKey(key)) {
      float[] numbers = values.get();
      ByteBuffer raw =
          ByteBuffer.allocate(Math.multiplyExact(numbers.length, Float.BYTES))
              .order(ByteOrder.LITTLE_ENDIAN);
      raw.asFloatBuffer().put(numbers);
      put(key, TensorProto.DataType.FLOAT, sizes, raw);
    }
    return key;
  }

  /** A number. */
  String number(float value) {
    return weights("float." + value, List.of(), () -> new float[] {value});
  }

  /** Integers, {@code [n]}. */
  String integers(long... values) {
    String name = "int64" + Arrays.toString(values).replace(" ", "");
    if (!initializers.containsKey(name)) {
      ByteBuffer raw =
          ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      raw.asLongBuffer().put(values);
      put(name, TensorProto.DataType.INT64, List.of(values.length), raw);
    }
    return name;
  }

  /** One integer, without dimensions. */
  String integer(long value) {
    String name = "int64." + value;
    if (!initializers.containsKey(name)) {
      ByteBuffer raw =
          ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
      put(name, TensorProto.DataType.INT64, List.of(), raw);
    }
    return name;
  }

  private void put(String name, TensorProto.DataType type, List<Integer> sizes, ByteBuffer raw) {
    if (outer != null) {
      outer.put(name, type, sizes, raw);
      return;
    }
    bytes += raw.capacity();
    if (bytes > MOST_BYTES) {
      throw new IllegalArgumentException(
          "the numbers up to '"
              + name
              + "' take "
              + bytes
              + " bytes; a file of ONNX holds less than 2 GiB");
    }
    names.add(name);
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(type.getNumber())
            .setRawData(ByteString.copyFrom(raw));
    sizes.forEach(tensor::addDims);
    initializers.put(name, tensor.build());
  }

  // ---- the edges --------------------------------------------------------------------------------

  /**
   * Adds an input.
   *
   * @param sizes for each dimension a number, or a name where it may be any
   * @param denotations for each dimension what ONNX calls such a one, or empty
   */
  void input(String name, TensorProto.DataType type, List<String> sizes, List<String> denotations) {
    ValueInfoProto.Builder input = info(name, type, sizes).toBuilder();
    TensorShapeProto.Builder shape =
        input.getTypeBuilder().getTensorTypeBuilder().getShapeBuilder();
    for (int d = 0; d < denotations.size(); d++) {
      if (!denotations.get(d).isEmpty()) {
        shape.getDimBuilder(d).setDenotation(denotations.get(d));
      }
    }
    inputs.add(input.build());
  }

  /** Adds an output: {@code tensor} under its name. */
  void output(String name, TensorProto.DataType type, List<String> sizes, String tensor) {
    if (made.contains(tensor) && renamed.putIfAbsent(tensor, name) == null) {
      outputs.add(info(name, type, sizes));
      return;
    }
    nodes.add(
        NodeProto.newBuilder()
            .setName(name)
            .setOpType("Identity")
            .addInput(tensor)
            .addOutput(name));
    outputs.add(info(name, type, sizes));
  }

  /** Null stands for sizes that are not said. */
  private static ValueInfoProto info(
      String name, TensorProto.DataType type, @Nullable List<String> sizes) {
    if (sizes == null) {
      return ValueInfoProto.newBuilder()
          .setName(name)
          .setType(
              TypeProto.newBuilder()
                  .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.getNumber())))
          .build();
    }
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (String size : sizes) {
      boolean number = !size.isEmpty() && size.chars().allMatch(c -> c >= '0' && c <= '9');
      TensorShapeProto.Dimension.Builder dimension = TensorShapeProto.Dimension.newBuilder();
      if (number) {
        dimension.setDimValue(Long.parseLong(size));
      } else if (!size.isEmpty()) {
        dimension.setDimParam(size);
      }
      shape.addDim(dimension);
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type.getNumber()).setShape(shape)))
        .build();
  }

  private String last(String tensor) {
    return Objects.requireNonNullElse(renamed.get(tensor), tensor);
  }

  /** All of it. */
  GraphProto build(String name) {
    GraphProto.Builder graph =
        GraphProto.newBuilder().setName(name).addAllInput(inputs).addAllOutput(outputs);
    if (outer == null) {
      graph.addAllInitializer(initializers.values());
    }
    for (NodeProto.Builder node : nodes) {
      NodeProto.Builder copy = node.clone();
      for (int i = 0; i < copy.getInputCount(); i++) {
        copy.setInput(i, last(copy.getInput(i)));
      }
      for (int i = 0; i < copy.getOutputCount(); i++) {
        copy.setOutput(i, last(copy.getOutput(i)));
      }
      copy.setName(last(copy.getName()));
      graph.addNode(copy);
    }
    return graph.build();
  }
}
