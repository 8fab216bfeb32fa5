package dev.sequor.benchmarks.peers;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.protobuf.ByteString;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The LSTM and GRU operators of ONNX Runtime's CPU provider. */
public final class OnnxRuntimeContender implements Contender {
  private static final int OPSET = 17;
  private static final int IR_VERSION = 8;

  // The blocks of PyTorch's order that ONNX's come from: i, o, f, c from i, f, g, o; z, r, h from
  // r, z, n.
  private static final int[] LSTM_ORDER = {0, 3, 1, 2};
  private static final int[] GRU_ORDER = {1, 0, 2};

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final int threads;
  private final boolean batchFirst;

  private OnnxRuntimeContender(int threads, boolean batchFirst) {
    this.threads = threads;
    this.batchFirst = batchFirst;
  }

  /** Arguments: intra-op threads; whether the model is the one of {@link #batchFirst}. */
  public static void main(String[] arguments) throws IOException {
    Child.serve(
        () ->
            new OnnxRuntimeContender(
                Integer.parseInt(arguments[0]), Boolean.parseBoolean(arguments[1])));
  }

  @Override
  public String describe() {
    return "ONNX Runtime "
        + environment.getVersion()
        + ", CPU provider (MLAS, which takes the kernels for this processor)";
  }

  @Override
  public Trial prepare(Case what, Problem numbers) throws OrtException {
    return new OnnxTrial(what, numbers);
  }

  private final class OnnxTrial implements Trial {
    private final Case what;
    private final OrtSession session;
    private final Map<String, OnnxTensor> inputs = new HashMap<>();
    private OrtSession.Result result;

    OnnxTrial(Case what, Problem numbers) throws OrtException {
      this.what = what;
      ModelProto model = batchFirst ? batchFirst(what, numbers) : model(what, numbers);
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(threads);
        options.setInterOpNumThreads(1);
        // Its threads spin within a run as they like, but not on while another system is timed.
        options.addConfigEntry("session.force_spinning_stop", "1");
        session = environment.createSession(model.toByteArray(), options);
      }
      float[] values = batchFirst ? sequences(what, numbers.x()) : numbers.x();
      FloatBuffer direct =
          ByteBuffer.allocateDirect(values.length * Float.BYTES)
              .order(ByteOrder.nativeOrder())
              .asFloatBuffer();
      direct.put(values).flip();
      long[] dims = batchFirst ? batchFirstShape(what) : timeFirstShape(what);
      inputs.put("x", OnnxTensor.createTensor(environment, direct, dims));
      if (what.shape().ragged()) {
        inputs.put("lengths", OnnxTensor.createTensor(environment, what.shape().lengths()));
      }
    }

    @Override
    public void run() throws OrtException {
      if (result != null) {
        result.close();
      }
      result = session.run(inputs);
    }

    @Override
    public Map<String, float[]> results() {
      FloatBuffer buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
      float[] y = new float[buffer.remaining()];
      buffer.get(y);
      return Map.of("y", batchFirst ? steps(what, y) : y);
    }

    @Override
    public void close() throws OrtException {
      if (result != null) {
        result.close();
      }
      inputs.values().forEach(OnnxTensor::close);
      session.close();
    }
  }

  /** {@code [T,B,I]}. */
  static long[] timeFirstShape(Case what) {
    return new long[] {what.timeSteps(), what.batchSize(), what.hiddenSize()};
  }

  /** {@code [B,T,I]}. */
  static long[] batchFirstShape(Case what) {
    return new long[] {what.batchSize(), what.timeSteps(), what.hiddenSize()};
  }

  /** {@code [T,B,H]} as {@code [B,T,H]}. */
  static float[] sequences(Case what, float[] steps) {
    return turned(steps, what.timeSteps(), what.batchSize(), what.hiddenSize());
  }

  /** {@code [B,T,H]} as {@code [T,B,H]}. */
  static float[] steps(Case what, float[] sequences) {
    return turned(sequences, what.batchSize(), what.timeSteps(), what.hiddenSize());
  }

  private static float[] turned(float[] rows, int outer, int inner, int width) {
    float[] turned = new float[rows.length];
    for (int i = 0; i < outer; i++) {
      for (int j = 0; j < inner; j++) {
        System.arraycopy(rows, (i * inner + j) * width, turned, (j * outer + i) * width, width);
      }
    }
    return turned;
  }

  /**
   * The same, one layer of one direction, as PyTorch's exporter writes it with {@code
   * batch_first=True}: {@code x} and {@code y} are {@code [B,T,H]}, with a transpose on either side
   * of the operator.
   */
  static ModelProto batchFirst(Case what, Problem numbers) {
    ModelProto.Builder model = model(what, numbers).toBuilder();
    GraphProto.Builder graph = model.getGraphBuilder();
    NodeProto layer = graph.getNode(0).toBuilder().setInput(0, "steps").setOutput(0, "Y").build();
    graph
        .clearNode()
        .addNode(transpose("x", "steps", 1, 0, 2))
        .addNode(layer)
        .addNode(node("Squeeze", List.of("Y", "directions"), "y_steps"))
        .addNode(transpose("y_steps", "y", 1, 0, 2))
        .addInitializer(integers("directions", 1));
    graph.clearInput().addInput(value("x", "batch", "steps", what.hiddenSize()));
    graph.clearOutput().addOutput(value("y", "batch", "steps", what.hiddenSize()));
    return model.build();
  }

  private static NodeProto transpose(String from, String to, long... order) {
    AttributeProto.Builder perm =
        AttributeProto.newBuilder().setName("perm").setType(AttributeProto.AttributeType.INTS);
    for (long axis : order) {
      perm.addInts(axis);
    }
    return node("Transpose", List.of(from), to).toBuilder().addAttribute(perm).build();
  }

  /**
   * A case as a model with the input {@code x}, and {@code lengths} if they differ, and the output
   * {@code y}: a node for each layer. What a layer of both directions or below another one gives,
   * {@code [T,D,B,H]}, is made {@code [T,B,D·H]} as PyTorch's exporter does it.
   */
  static ModelProto model(Case what, Problem numbers) {
    GraphProto.Builder graph = GraphProto.newBuilder().setName("layer").addInput(value("x"));
    if (what.shape().ragged()) {
      graph.addInput(value("lengths", TensorProto.DataType.INT32));
    }
    int layers = what.layers();
    boolean plain = layers == 1 && what.directions() == 1;
    String below = "x";
    for (int layer = 0; layer < layers; layer++) {
      String above = layer + 1 < layers ? "x" + (layer + 1) : "y";
      String raw = plain ? "y" : "Y" + layer;
      graph.addNode(layer(graph, what, numbers, layer, below, raw));
      if (!plain && what.directions() == 1) {
        graph.addNode(node("Squeeze", List.of(raw, "one"), above));
      } else if (!plain) {
        graph
            .addNode(transpose(raw, raw + "_turned", 0, 2, 1, 3))
            .addNode(node("Reshape", List.of(raw + "_turned", "flat"), above));
      }
      below = above;
    }
    if (!plain) {
      graph.addInitializer(
          what.directions() == 1 ? integers("one", 1) : integers("flat", 0, 0, -1));
    }
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph.addOutput(value("y")))
        .build();
  }

  /** Adds the weights of a layer and returns its operator. */
  private static NodeProto layer(
      GraphProto.Builder graph, Case what, Problem numbers, int layer, String from, String to) {
    boolean lstm = what.cell() == Case.Cell.LSTM;
    int[] order = lstm ? LSTM_ORDER : GRU_ORDER;
    int directions = what.directions();
    float[][] w = new float[directions][];
    float[][] r = new float[directions][];
    float[][] b = new float[2 * directions][];
    for (int d = 0; d < directions; d++) {
      w[d] = reordered(numbers.inputWeights(layer, d), order);
      r[d] = reordered(numbers.recurrentWeights(layer, d), order);
      b[2 * d] = reordered(numbers.inputBias(layer, d), order);
      b[2 * d + 1] = reordered(numbers.recurrentBias(layer, d), order);
    }
    String suffix = layer == 0 ? "" : "_l" + layer;
    long gateRows = what.gateRows();
    graph
        .addInitializer(
            tensor("W" + suffix, joined(w), directions, gateRows, what.shape().inputSize(layer)))
        .addInitializer(tensor("R" + suffix, joined(r), directions, gateRows, what.hiddenSize()))
        .addInitializer(tensor("B" + suffix, joined(b), directions, 2 * gateRows));
    NodeProto.Builder node =
        node(lstm ? "LSTM" : "GRU", List.of(from, "W" + suffix, "R" + suffix, "B" + suffix), to)
            .toBuilder()
            .addAttribute(integer("hidden_size", what.hiddenSize()));
    if (what.shape().ragged()) {
      node.addInput("lengths");
    }
    if (directions == 2) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName("direction")
              .setType(AttributeProto.AttributeType.STRING)
              .setS(ByteString.copyFromUtf8("bidirectional")));
    }
    if (!lstm) {
      node.addAttribute(integer("linear_before_reset", 1));
    }
    return node.build();
  }

  private static NodeProto node(String operator, List<String> inputs, String output) {
    return NodeProto.newBuilder().setOpType(operator).addAllInput(inputs).addOutput(output).build();
  }

  private static TensorProto integers(String name, long... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.INT64.getNumber())
            .addDims(values.length);
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    return tensor.build();
  }

  private static float[] joined(float[][] parts) {
    int elements = 0;
    for (float[] part : parts) {
      elements += part.length;
    }
    FloatBuffer all = FloatBuffer.allocate(elements);
    for (float[] part : parts) {
      all.put(part);
    }
    return all.array();
  }

  private static float[] reordered(float[] blocks, int[] order) {
    float[] result = new float[blocks.length];
    int block = blocks.length / order.length;
    for (int gate = 0; gate < order.length; gate++) {
      System.arraycopy(blocks, order[gate] * block, result, gate * block, block);
    }
    return result;
  }

  private static AttributeProto integer(String name, int value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static ValueInfoProto value(String name) {
    return value(name, TensorProto.DataType.FLOAT);
  }

  private static ValueInfoProto value(String name, TensorProto.DataType type) {
    TypeProto.Tensor tensor = TypeProto.Tensor.newBuilder().setElemType(type.getNumber()).build();
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }

  private static ValueInfoProto value(String name, String first, String second, int width) {
    TensorShapeProto shape =
        TensorShapeProto.newBuilder()
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam(first))
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam(second))
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(width))
            .build();
    ValueInfoProto.Builder value = value(name).toBuilder();
    value.getTypeBuilder().getTensorTypeBuilder().setShape(shape);
    return value.build();
  }

  private static TensorProto tensor(String name, float[] values, long... dims) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.FLOAT.getNumber())
            .setRawData(ByteString.copyFrom(bytes));
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    return tensor.build();
  }
}
