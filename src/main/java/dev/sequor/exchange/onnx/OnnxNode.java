package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A node of a graph. An attribute that nobody has asked for is one that nobody has understood. */
final class OnnxNode {
  private final NodeProto proto;
  private final int number;
  private final Map<String, AttributeProto> attributes = new HashMap<>();
  private final Set<String> asked = new HashSet<>();
  private final BitSet askedInputs = new BitSet();

  OnnxNode(NodeProto proto, int number) {
    this.proto = proto;
    this.number = number;
    for (AttributeProto attribute : proto.getAttributeList()) {
      if (attributes.put(attribute.getName(), attribute) != null) {
        throw new IllegalArgumentException(
            label() + " has the attribute '" + attribute.getName() + "' twice");
      }
    }
  }

  String type() {
    return proto.getOpType();
  }

  String domain() {
    return proto.getDomain();
  }

  /** How messages call it. */
  String label() {
    String name = proto.getName().isEmpty() ? "number " + number : "'" + proto.getName() + "'";
    return "node " + name + " (" + type() + ")";
  }

  /** The names of all, each of which is asked for. */
  List<String> inputs() {
    askedInputs.set(0, proto.getInputCount());
    return proto.getInputList();
  }

  List<String> outputs() {
    return proto.getOutputList();
  }

  /** The name of input {@code i}; empty for one that is left out. */
  String input(int i) {
    askedInputs.set(i);
    return i < proto.getInputCount() ? proto.getInput(i) : "";
  }

  /** Whether something may read output {@code i}. */
  boolean hasOutput(int i) {
    return i < proto.getOutputCount() && !proto.getOutput(i).isEmpty();
  }

  boolean has(String attribute) {
    asked.add(attribute);
    return attributes.containsKey(attribute);
  }

  private @Nullable AttributeProto find(String name, AttributeProto.AttributeType type) {
    asked.add(name);
    AttributeProto attribute = attributes.get(name);
    if (attribute != null && attribute.getType() != type) {
      throw new IllegalArgumentException(
          "attribute '" + name + "' is " + attribute.getType() + "; needed " + type);
    }
    return attribute;
  }

  long integer(String name, long otherwise) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.INT);
    return attribute == null ? otherwise : attribute.getI();
  }

  /** An integer that says yes or no. */
  boolean flag(String name, boolean otherwise) {
    long value = integer(name, otherwise ? 1 : 0);
    if (value != 0 && value != 1) {
      throw new IllegalArgumentException(
          "attribute '" + name + "' is " + value + "; needed 0 or 1");
    }
    return value == 1;
  }

  float number(String name, float otherwise) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.FLOAT);
    return attribute == null ? otherwise : attribute.getF();
  }

  String text(String name, String otherwise) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.STRING);
    return attribute == null ? otherwise : attribute.getS().toStringUtf8();
  }

  List<String> texts(String name) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.STRINGS);
    return attribute == null
        ? List.of()
        : attribute.getStringsList().stream().map(ByteString::toStringUtf8).toList();
  }

  List<Float> numbers(String name) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.FLOATS);
    return attribute == null ? List.of() : attribute.getFloatsList();
  }

  /** Null if it is not there. */
  @Nullable List<Long> integers(String name) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.INTS);
    return attribute == null ? null : attribute.getIntsList();
  }

  /** Integers that are axes or sizes; null if they are not there. */
  int @Nullable [] counts(String name) {
    List<Long> all = integers(name);
    if (all == null) {
      return null;
    }
    int[] counts = new int[all.size()];
    for (int i = 0; i < counts.length; i++) {
      long number = all.get(i);
      counts[i] = (int) number;
      if (counts[i] != number) {
        throw new IllegalArgumentException(
            "attribute '" + name + "' has " + number + "; needed numbers of 32 bits");
      }
    }
    return counts;
  }

  /** Null if it is not there. */
  @Nullable TensorProto tensor(String name) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.TENSOR);
    return attribute == null ? null : attribute.getT();
  }

  /** The graph that is an attribute. */
  GraphProto graph(String name) {
    AttributeProto attribute = find(name, AttributeProto.AttributeType.GRAPH);
    if (attribute == null) {
      throw new IllegalArgumentException("has no attribute '" + name + "'; needed a graph");
    }
    return attribute.getG();
  }

  NodeProto proto() {
    return proto;
  }

  /** Throws if there is an attribute, or an input, that nobody has asked for. */
  void requireUnderstood() {
    Set<String> rest = new TreeSet<>(attributes.keySet());
    rest.removeAll(asked);
    if (!rest.isEmpty()) {
      throw new IllegalArgumentException("has attributes that are not supported: " + rest);
    }
    for (int i = 0; i < proto.getInputCount(); i++) {
      if (!proto.getInput(i).isEmpty() && !askedInputs.get(i)) {
        throw new IllegalArgumentException(
            "has the input " + i + ", '" + proto.getInput(i) + "', which is not supported");
      }
    }
  }
}
