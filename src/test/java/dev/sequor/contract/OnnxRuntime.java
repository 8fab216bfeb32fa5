package dev.sequor.contract;

import ai.onnx.proto.OnnxMl;
import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.protobuf.ByteString;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * ONNX Runtime in float32, forward only: each layer a node, its weights as initialisers, layers
 * joined by a transpose and a reshape.
 */
final class OnnxRuntime implements Solver {
  private static final int OPSET = 17;
  private static final int IR = 8;

  /** The cells that ONNX has. */
  static List<CellType> cells() {
    return List.of(
        CellType.RNN_TANH,
        CellType.RNN_RELU,
        CellType.GRU_RESET_BEFORE,
        CellType.GRU_RESET_AFTER,
        CellType.LSTM,
        CellType.LSTM_PEEPHOLE);
  }

  @Override
  public double bar() {
    return 1e-5;
  }

  @Override
  public double saturation() {
    return 4 * Math.ulp(1f);
  }

  /** Outputs; the gradients are empty. */
  @Override
  public Solution solve(RnnProblem p) {
    RnnShape s = p.shape;
    OnnxStack stack = new OnnxStack(s);
    byte[] model = model(p, stack).toByteArray();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      long[] dims = {s.timeSteps(), s.batchSize(), s.inputSize()};
      FloatBuffer values = FloatBuffer.wrap(BackendRun.toFloats(p.x));
      try (OrtSession session = environment.createSession(model, options);
          OnnxTensor x = OnnxTensor.createTensor(environment, values, dims);
          OrtSession.Result result = session.run(Map.of("x", x))) {
        return solution(p, stack, result);
      }
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime refused " + s, e);
    }
  }

  private static Solution solution(RnnProblem p, OnnxStack stack, OrtSession.Result result) {
    RnnShape s = p.shape;
    int n = s.directions() * s.batchSize() * s.hiddenSize();
    double[] h = new double[s.layers() * n];
    double[] c = new double[s.layers() * n];
    double[] y = new double[0];
    for (int layer = 0; layer < s.layers(); layer++) {
      y = values(result, "y" + layer);
      System.arraycopy(values(result, "h" + layer), 0, h, layer * n, n);
      if (s.cell().states() == 2) {
        System.arraycopy(values(result, "c" + layer), 0, c, layer * n, n);
      }
    }
    double[] ours = stack.outputGradient(y); // the same permutation
    double[] none = new double[0];
    return new Solution(ours, Objects.requireNonNull(stack.state(h, c)), none, none, none);
  }

  private static double[] values(OrtSession.Result result, String name) {
    OnnxTensor tensor = (OnnxTensor) result.get(name).orElseThrow();
    FloatBuffer buffer = tensor.getFloatBuffer();
    double[] values = new double[buffer.remaining()];
    for (int i = 0; i < values.length; i++) {
      values[i] = buffer.get();
    }
    return values;
  }

  private static OnnxMl.ModelProto model(RnnProblem p, OnnxStack stack) {
    RnnShape s = p.shape;
    GraphProto.Builder graph = GraphProto.newBuilder().setName("stack");
    graph.addInput(OnnxMl.ValueInfoProto.newBuilder().setName("x").setType(floats()));
    if (p.lengths != null) {
      graph.addInitializer(ints("lengths", p.lengths));
    }
    if (s.layers() > 1) {
      long[] joined = {s.timeSteps(), s.batchSize(), s.outputSize()};
      graph.addInitializer(longs("joined", joined));
    }
    double[] state = Objects.requireNonNull(p.initialState);
    double[] h0 = stack.stateOf(state, 0);
    for (int layer = 0; layer < s.layers(); layer++) {
      List<String> inputs = new ArrayList<>();
      inputs.add(layer == 0 ? "x" : "below" + layer);
      for (String tensor : List.of("W", "R", "B")) {
        inputs.add(addWeights(graph, p, stack, tensor, layer));
      }
      inputs.add(p.lengths == null ? "" : "lengths");
      inputs.add(addState(graph, s, "h0_" + layer, h0, layer));
      if (s.cell().states() == 2) {
        double[] c0 = stack.stateOf(state, 1);
        inputs.add(addState(graph, s, "c0_" + layer, c0, layer));
        if (s.cell().peepholes() > 0) {
          inputs.add(addWeights(graph, p, stack, "P", layer));
        }
      }
      NodeProto.Builder node =
          NodeProto.newBuilder()
              .setOpType(operator(s.cell()))
              .addAllInput(inputs)
              .addAllOutput(outputs(s.cell(), layer))
              .addAttribute(attribute("hidden_size", s.hiddenSize()))
              .addAttribute(
                  attribute(
                      "direction",
                      List.of(s.stack().direction().name().toLowerCase(Locale.ROOT)),
                      false));
      addOptions(node, s.stack());
      if (s.cell().gates() == 3) {
        int linearBeforeReset = s.cell() == CellType.GRU_RESET_AFTER ? 1 : 0;
        node.addAttribute(attribute("linear_before_reset", linearBeforeReset));
      }
      graph.addNode(node);
      for (String output : outputs(s.cell(), layer)) {
        graph.addOutput(OnnxMl.ValueInfoProto.newBuilder().setName(output).setType(floats()));
      }
      if (layer + 1 < s.layers()) {
        join(graph, layer);
      }
    }
    return OnnxMl.ModelProto.newBuilder()
        .setIrVersion(IR)
        .addOpsetImport(OnnxMl.OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph)
        .build();
  }

  private static void addOptions(NodeProto.Builder node, RnnSpec stack) {
    CellOptions options = stack.options();
    if (options.coupledGates()) {
      node.addAttribute(attribute("input_forget", 1));
    }
    if (options.gateClip() > 0) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName("clip")
              .setType(AttributeProto.AttributeType.FLOAT)
              .setF(options.gateClip()));
    }
    if (stack.cell() != CellType.RNN_RELU && options.activations().isEmpty()) {
      return;
    }
    List<String> names = new ArrayList<>();
    List<Float> alphas = new ArrayList<>();
    List<Float> betas = new ArrayList<>();
    for (int d = 0; d < stack.directions(); d++) {
      for (GateFunction function : stack.functions()) {
        names.add(OnnxActivations.name(function.kind()));
        if (OnnxActivations.hasAlpha(function.kind())) {
          alphas.add(function.alpha());
        }
        if (OnnxActivations.hasBeta(function.kind())) {
          betas.add(function.beta());
        }
      }
    }
    node.addAttribute(attribute("activations", names, true));
    addFloats(node, "activation_alpha", alphas);
    addFloats(node, "activation_beta", betas);
  }

  static void addFloats(NodeProto.Builder node, String name, List<Float> values) {
    if (!values.isEmpty()) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName(name)
              .setType(AttributeProto.AttributeType.FLOATS)
              .addAllFloats(values));
    }
  }

  static String operator(CellType cell) {
    return switch (cell.gates()) {
      case 1 -> "RNN";
      case 3 -> "GRU";
      default -> "LSTM";
    };
  }

  private static List<String> outputs(CellType cell, int layer) {
    List<String> all = List.of("y" + layer, "h" + layer, "c" + layer);
    return all.subList(0, 1 + cell.states());
  }

  /** {@code [T,D,N,H]} to the next layer's {@code [T,N,D·H]}. */
  private static void join(GraphProto.Builder graph, int layer) {
    String transposed = "transposed" + layer;
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType("Transpose")
            .addInput("y" + layer)
            .addOutput(transposed)
            .addAttribute(
                AttributeProto.newBuilder()
                    .setName("perm")
                    .setType(AttributeProto.AttributeType.INTS)
                    .addAllInts(List.of(0L, 2L, 1L, 3L))));
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType("Reshape")
            .addInput(transposed)
            .addInput("joined")
            .addOutput("below" + (layer + 1)));
  }

  private static String addWeights(
      GraphProto.Builder graph, RnnProblem p, OnnxStack stack, String tensor, int layer) {
    RnnShape s = p.shape;
    int gateRows = s.cell().gates() * s.hiddenSize();
    long[] one =
        switch (tensor) {
          case "W" -> new long[] {gateRows, s.layerInputSize(layer)};
          case "R" -> new long[] {gateRows, s.hiddenSize()};
          case "B" -> new long[] {2L * gateRows};
          default -> new long[] {(long) s.cell().peepholes() * s.hiddenSize()};
        };
    int elements = (int) Arrays.stream(one).reduce(1, (a, b) -> a * b);
    double[] all = new double[s.directions() * elements];
    for (int d = 0; d < s.directions(); d++) {
      double[] values = stack.parameter(p.parameters, tensor, layer, d, elements);
      System.arraycopy(values, 0, all, d * elements, elements);
    }
    long[] dims = new long[one.length + 1];
    dims[0] = s.directions();
    System.arraycopy(one, 0, dims, 1, one.length);
    String name = tensor + "_" + layer;
    graph.addInitializer(tensor(name, all, dims));
    return name;
  }

  private static String addState(
      GraphProto.Builder graph, RnnShape s, String name, double[] all, int layer) {
    int n = s.directions() * s.batchSize() * s.hiddenSize();
    double[] values = Arrays.copyOfRange(all, layer * n, (layer + 1) * n);
    graph.addInitializer(tensor(name, values, s.directions(), s.batchSize(), s.hiddenSize()));
    return name;
  }

  static OnnxMl.TypeProto floats() {
    return OnnxMl.TypeProto.newBuilder()
        .setTensorType(
            OnnxMl.TypeProto.Tensor.newBuilder()
                .setElemType(TensorProto.DataType.FLOAT.getNumber()))
        .build();
  }

  static TensorProto tensor(String name, double[] values, long... dims) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (double v : values) {
      raw.putFloat((float) v);
    }
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.FLOAT.getNumber())
        .addAllDims(Arrays.stream(dims).boxed().toList())
        .setRawData(ByteString.copyFrom(raw.array()))
        .build();
  }

  private static TensorProto ints(String name, int[] values) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.INT32.getNumber())
        .addDims(values.length)
        .addAllInt32Data(Arrays.stream(values).boxed().toList())
        .build();
  }

  private static TensorProto longs(String name, long[] values) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.INT64.getNumber())
        .addDims(values.length)
        .addAllInt64Data(Arrays.stream(values).boxed().toList())
        .build();
  }

  static AttributeProto attribute(String name, int value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  static AttributeProto attribute(String name, List<String> texts, boolean list) {
    AttributeProto.Builder attribute = AttributeProto.newBuilder().setName(name);
    if (!list) {
      return attribute
          .setType(AttributeProto.AttributeType.STRING)
          .setS(ByteString.copyFromUtf8(texts.get(0)))
          .build();
    }
    attribute.setType(AttributeProto.AttributeType.STRINGS);
    texts.forEach(text -> attribute.addStrings(ByteString.copyFromUtf8(text)));
    return attribute.build();
  }
}
