package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Compares nodes of a file with nodes as {@link GraphDraft} makes them: whether they do the same,
 * whatever their tensors are called.
 */
final class GraphMatch {
  private final Map<String, NodeProto> drafted = new HashMap<>();
  private final Map<String, TensorProto> draftedNumbers = new HashMap<>();
  private final Function<String, @Nullable NodeProto> makers;
  private final Function<String, @Nullable Numbers> numbers;

  /** Numbers of the draft that may be others in the file. */
  private final Set<String> open;

  /** What tensors of the draft are called in the file. */
  private final Map<String, String> names = new HashMap<>();

  /**
   * Nothing is compared yet.
   *
   * @param draft a graph, of which there may be bodies within nodes
   * @param open numbers of it of which only the sizes have to be those of the file's
   * @param makers the node of the file that makes a tensor; null for other tensors
   * @param numbers those of the file that a tensor is; null for other tensors
   */
  GraphMatch(
      GraphProto draft,
      Set<String> open,
      Function<String, @Nullable NodeProto> makers,
      Function<String, @Nullable Numbers> numbers) {
    add(draft);
    this.open = new HashSet<>(open);
    this.makers = makers;
    this.numbers = numbers;
  }

  private void add(GraphProto graph) {
    graph.getNodeList().forEach(node -> node.getOutputList().forEach(o -> drafted.put(o, node)));
    graph.getInitializerList().forEach(tensor -> draftedNumbers.put(tensor.getName(), tensor));
  }

  /** Takes up the nodes of a body of the draft. */
  void addBody(GraphProto body) {
    add(body);
  }

  /** Says what a tensor of the draft is called in the file. */
  void name(String drafted, String inFile) {
    names.put(drafted, inFile);
  }

  /** What a tensor of the draft is called in the file; one that has been compared. */
  String nameOf(String drafted) {
    String name = names.get(drafted);
    if (name == null) {
      throw new IllegalStateException("'" + drafted + "' has not been compared");
    }
    return name;
  }

  /**
   * Whether a tensor of the file is made as one of the draft is. What is an input of the draft may
   * be any tensor, but everywhere the same.
   */
  boolean isSame(String draft, String inFile) {
    String known = names.get(draft);
    if (known != null) {
      return known.equals(inFile);
    }
    TensorProto tensor = draftedNumbers.get(draft);
    NodeProto node = drafted.get(draft);
    if (tensor != null ? !isSame(tensor, inFile) : node != null && !isSame(node, draft, inFile)) {
      return false;
    }
    names.put(draft, inFile);
    return true;
  }

  private boolean isSame(NodeProto node, String output, String inFile) {
    NodeProto other = makers.apply(inFile);
    if (other == null
        || !other.getOpType().equals(node.getOpType())
        || !OnnxFile.isOwn(other.getDomain())
        || other.getInputCount() != node.getInputCount()
        || other.getOutputList().indexOf(inFile) != node.getOutputList().indexOf(output)
        || !attributes(other).equals(attributes(node))) {
      return false;
    }
    for (int i = 0; i < node.getInputCount(); i++) {
      if (!isSame(node.getInput(i), other.getInput(i))) {
        return false;
      }
    }
    return true;
  }

  private static Map<String, AttributeProto> attributes(NodeProto node) {
    Map<String, AttributeProto> attributes = new HashMap<>();
    for (AttributeProto attribute : node.getAttributeList()) {
      attributes.put(attribute.getName(), attribute.toBuilder().clearDocString().build());
    }
    return attributes;
  }

  private boolean isSame(TensorProto tensor, String inFile) {
    Numbers other = numbers.apply(inFile);
    int[] dims = tensor.getDimsList().stream().mapToInt(Long::intValue).toArray();
    boolean isReal = tensor.getDataType() == TensorProto.DataType.FLOAT.getNumber();
    if (other == null || other.isReal() != isReal || !java.util.Arrays.equals(other.dims(), dims)) {
      return false;
    }
    return open.contains(tensor.getName()) || holds(tensor, other);
  }

  private static boolean holds(TensorProto tensor, Numbers numbers) {
    ByteBuffer raw = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < numbers.elements(); i++) {
      boolean same =
          numbers.isReal()
              ? raw.getFloat() == numbers.reals()[i]
              : raw.getLong() == numbers.integers()[i];
      if (!same) {
        return false;
      }
    }
    return true;
  }

  /** Compares the outputs of a body of the draft with those of one in the file. */
  boolean areSame(List<String> draft, List<String> inFile) {
    boolean same = draft.size() == inFile.size();
    for (int i = 0; same && i < draft.size(); i++) {
      same = isSame(draft.get(i), inFile.get(i));
    }
    return same;
  }
}
