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
    private final OnnxTensor x;
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
      x = OnnxTensor.createTensor(environment, direct, dims);
    }

    @Override
    public void run() throws OrtException {
      if (result != null) {
        result.close();
      }
      result = session.run(Map.of("x", x));
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
      x.close();
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
   * The same as PyTorch's exporter writes a layer with {@code batch_first=True}: {@code x} and
   * {@code y} are {@code [B,T,H]}, with a transpose on either side of the operator.
   */
  static ModelProto batchFirst(Case what, Problem numbers) {
    ModelProto.Builder model = model(what, numbers).toBuilder();
    GraphProto.Builder graph = model.getGraphBuilder();
    NodeProto layer = graph.getNode(0).toBuilder().setInput(0, "steps").setOutput(0, "Y").build();
    graph
        .clearNode()
        .addNode(transpose("x", "steps"))
        .addNode(layer)
        .addNode(
            NodeProto.newBuilder()
                .setOpType("Squeeze")
                .addAllInput(List.of("Y", "directions"))
                .addOutput("y_steps"))
        .addNode(transpose("y_steps", "y"))
        .addInitializer(
            TensorProto.newBuilder()
                .setName("directions")
                .setDataType(TensorProto.DataType.INT64.getNumber())
                .addDims(1)
                .addInt64Data(1));
    graph.clearInput().addInput(value("x", "batch", "steps", what.hiddenSize()));
    graph.clearOutput().addOutput(value("y", "batch", "steps", what.hiddenSize()));
    return model.build();
  }

  private static NodeProto transpose(String from, String to) {
    return NodeProto.newBuilder()
        .setOpType("Transpose")
        .addInput(from)
        .addOutput(to)
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("perm")
                .setType(AttributeProto.AttributeType.INTS)
                .addAllInts(List.of(1L, 0L, 2L)))
        .build();
  }

  /** The layer of a case as a model with the input {@code x} and the output {@code y}. */
  static ModelProto model(Case what, Problem numbers) {
    boolean lstm = what.cell() == Case.Cell.LSTM;
    int[] order = lstm ? LSTM_ORDER : GRU_ORDER;
    long gateRows = what.gateRows();
    long h = what.hiddenSize();
    float[] w = reordered(numbers.inputWeights(), order);
    float[] r = reordered(numbers.recurrentWeights(), order);
    float[] bw = reordered(numbers.inputBias(), order);
    float[] br = reordered(numbers.recurrentBias(), order);
    float[] b = new float[bw.length + br.length];
    System.arraycopy(bw, 0, b, 0, bw.length);
    System.arraycopy(br, 0, b, bw.length, br.length);
    NodeProto.Builder node =
        NodeProto.newBuilder()
            .setOpType(lstm ? "LSTM" : "GRU")
            .addAllInput(List.of("x", "W", "R", "B"))
            .addOutput("y")
            .addAttribute(integer("hidden_size", what.hiddenSize()));
    if (!lstm) {
      node.addAttribute(integer("linear_before_reset", 1));
    }
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .setName("layer")
            .addInput(value("x"))
            .addOutput(value("y"))
            .addInitializer(tensor("W", w, 1, gateRows, h))
            .addInitializer(tensor("R", r, 1, gateRows, h))
            .addInitializer(tensor("B", b, 1, 2 * gateRows))
            .addNode(node);
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph)
        .build();
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
    int type = TensorProto.DataType.FLOAT.getNumber();
    TypeProto.Tensor tensor = TypeProto.Tensor.newBuilder().setElemType(type).build();
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
