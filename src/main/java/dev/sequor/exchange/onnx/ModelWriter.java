package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.io.TensorType;
import dev.sequor.module.LastStep;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.Reverse;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A model as a graph of ONNX. */
final class ModelWriter {
  private static final Map<Class<? extends Module>, ModuleWriter> WRITERS = writers();

  /** What ONNX calls a dimension of sequences. */
  static final String BATCH = "DATA_BATCH";

  /** What ONNX calls a dimension of time steps. */
  static final String STEPS = "DATA_TIME";

  private final ExchangedModel model;
  private final GraphDraft graph;
  private final Writing to;

  private ModelWriter(ExchangedModel model, int opset) {
    this.model = model;
    Set<String> reserved = new HashSet<>();
    model.inputs().forEach(input -> reserved.add(input.name()));
    for (ExchangedModel.Output output : model.outputs()) {
      if (!reserved.add(output.name())) {
        throw new IllegalArgumentException(
            "'" + output.name() + "' is the name of an input and of an output");
      }
    }
    this.graph = new GraphDraft(opset, reserved);
    this.to = new Writing(graph, model);
  }

  private static Map<Class<? extends Module>, ModuleWriter> writers() {
    Map<Class<? extends Module>, ModuleWriter> writers = new HashMap<>();
    RowWriters.addTo(writers);
    StepWriters.addTo(writers);
    StateWriters.addTo(writers);
    RecurrentWriter.addTo(writers);
    return writers;
  }

  /** The first version of the format's own numbering that came with an opset. */
  private static int irVersion(int opset) {
    return opset < 15 ? 7 : opset < 19 ? 8 : opset < 21 ? 9 : 10;
  }

  /**
   * The whole file.
   *
   * @throws IllegalArgumentException if ONNX cannot say it; names the node
   */
  static ModelProto write(ExchangedModel model, int opset) {
    GraphProto graph = new ModelWriter(model, opset).write();
    return ModelProto.newBuilder()
        .setIrVersion(irVersion(opset))
        .setProducerName("Sequor")
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
        .setGraph(graph)
        .build();
  }

  private GraphProto write() {
    takeSizes();
    model.inputs().forEach(this::declare);
    // What comes of the others may be masked by them.
    for (ExchangedModel.Input input : model.inputs()) {
      if (input.areLengths()) {
        lengths(input);
      }
    }
    for (ExchangedModel.Input input : model.inputs()) {
      if (!input.areLengths()) {
        input(input);
      }
    }
    for (Network.Node node : to.needed) {
      @Nullable ModuleWriter writer = WRITERS.get(node.module().getClass());
      if (writer == null) {
        throw new IllegalArgumentException(
            "node '" + node.name() + "' is " + node.module() + ", which ONNX cannot say");
      }
      try {
        writer.write(node, to);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("node '" + node.name() + "': " + e.getMessage(), e);
      }
    }
    model.outputs().forEach(this::output);
    return graph.build("network");
  }

  // ---- sizes ------------------------------------------------------------------------------------

  private String axis(ExchangedModel.Input input) {
    return input.areLengths() ? input.value() : to.shape(input.value()).axis();
  }

  private void takeSizes() {
    boolean hasBatch = model.inputs().stream().anyMatch(input -> input.layout().hasBatch());
    if (!hasBatch) {
      to.fix(Writing.BATCH, 1);
    }
    model
        .network()
        .unpaddedAxes()
        .forEach(
            (axis, steps) -> {
              if (steps.fewest() == steps.most()) {
                to.fix(axis, steps.fewest());
              }
            });
    for (ExchangedModel.Input input : model.inputs()) {
      ValueShape shape = input.areLengths() ? null : to.shape(input.value());
      boolean alongTime =
          shape instanceof ValueShape.Sequence || shape instanceof ValueShape.Tokens;
      if (alongTime && !input.layout().hasSteps()) {
        to.fix(axis(input), 1);
      }
      for (int d = 0; d < input.layout().dimensions().size(); d++) {
        List<Part> parts = input.layout().dimensions().get(d);
        for (Part part : parts) {
          if (part.kind() == Kind.COLUMNS) {
            continue;
          }
          String name = part.kind() == Kind.BATCH ? Writing.BATCH : axis(input);
          if (part.size() > 0) {
            to.fix(name, part.size());
          } else if (parts.size() == 1 && isWritten(input)) {
            to.measure(name, input.name(), d);
          }
        }
      }
    }
  }

  private Dim size(Part part, String axis) {
    return switch (part.kind()) {
      case BATCH -> to.batch();
      case STEPS -> to.size(axis);
      case COLUMNS -> Dim.of(part.size());
    };
  }

  private List<Dim> dims(List<Part> parts, String axis) {
    return parts.stream().map(part -> size(part, axis)).toList();
  }

  private List<Dim> dims(TensorLayout layout, String axis) {
    return layout.dimensions().stream().map(parts -> Dim.product(dims(parts, axis))).toList();
  }

  /** What numbers alone do not say of an input: which of them is the batch, and which the steps. */
  private static List<String> denotations(TensorLayout layout) {
    return layout.dimensions().stream()
        .map(parts -> parts.size() == 1 && parts.get(0).size() > 0 ? parts.get(0).kind() : null)
        .map(kind -> kind == Kind.BATCH ? BATCH : kind == Kind.STEPS ? STEPS : "")
        .toList();
  }

  private static List<String> said(List<Dim> dims) {
    return dims.stream().map(Dim::said).toList();
  }

  // ---- inputs -----------------------------------------------------------------------------------

  private static DataType type(ExchangedModel.Input input) {
    return switch (input.type()) {
      case F32 -> DataType.FLOAT;
      case F64 -> DataType.DOUBLE;
      case F16 -> DataType.FLOAT16;
      case BF16 -> DataType.BFLOAT16;
      case I64 -> DataType.INT64;
      case I32 -> DataType.INT32;
      case I16 -> DataType.INT16;
      case I8 -> DataType.INT8;
      case U16 -> DataType.UINT16;
      case U8 -> DataType.UINT8;
      case U32 -> DataType.UINT32;
      default ->
          throw new IllegalArgumentException(
              "input '" + input.name() + "' is of type " + input.type() + "; needed numbers");
    };
  }

  /** Whether anything depends on an input. */
  private boolean isWritten(ExchangedModel.Input input) {
    return !input.areLengths() || matter(input.value());
  }

  /** Whether anything depends on the lengths of an axis. */
  private boolean matter(String axis) {
    for (Network.Node node : to.needed) {
      Module module = node.module();
      int reads = module instanceof RepeatAlong ? 1 : 0;
      boolean knowsEnds =
          module instanceof Recurrent
              || module instanceof LastStep
              || module instanceof Pool
              || module instanceof Reverse
              || module instanceof RepeatAlong;
      if (knowsEnds && to.shape(node.inputs().get(reads)).axis().equals(axis)) {
        return true;
      }
    }
    return model.network().inputs().stream()
        .anyMatch(input -> input.shape().axis().equals(axis) && to.isObserved(input.name()));
  }

  /** Names an input in the graph, in the order in which the model has them. */
  private void declare(ExchangedModel.Input input) {
    if (input.areLengths() && !isWritten(input)) {
      return;
    }
    if (input.mask() != null) {
      throw new IllegalArgumentException(
          "input '"
              + input.name()
              + "' has steps that are not there wherever it is "
              + input.mask()
              + ", which recurrent operators of ONNX cannot pass by");
    }
    if (!input.areLengths() && to.shape(input.value()) instanceof ValueShape.State state) {
      throw new IllegalArgumentException(
          "input '" + input.name() + "' is " + state + "; needed a vector for each of its vectors");
    }
    graph.input(input.name(), type(input), said(dims(input)), denotations(input.layout()));
  }

  private List<Dim> dims(ExchangedModel.Input input) {
    return dims(input.layout(), input.areLengths() ? "" : to.shape(input.value()).axis());
  }

  private void lengths(ExchangedModel.Input input) {
    if (!isWritten(input)) {
      return;
    }
    List<Dim> dims = dims(input);
    String tensor =
        input.type() == TensorType.I64
            ? input.name()
            : to.cast(input.name(), DataType.INT64, input.name() + ".int64");
    to.putLengths(
        input.value(), to.reshape(tensor, dims, List.of(to.batch()), input.name() + ".vector"));
  }

  private void input(ExchangedModel.Input input) {
    String value = input.value();
    ValueShape shape = to.shape(value);
    TensorLayout layout = input.layout();
    List<Dim> dims = dims(input);
    boolean tokens = shape instanceof ValueShape.Tokens;
    TensorType needed = tokens ? TensorType.I64 : TensorType.F32;
    String tensor =
        input.type() == needed
            ? input.name()
            : to.cast(
                input.name(), tokens ? DataType.INT64 : DataType.FLOAT, input.name() + ".cast");
    if (shape instanceof ValueShape.Vector && isBlocks(layout)) {
      to.putBlocks(value, layout.columns().get(0), tensor);
      return;
    }
    List<Part> inFile = parts(layout);
    List<Part> inNetwork = inNetwork(inFile);
    String apart = to.reshape(tensor, dims, dims(inFile, shape.axis()), input.name() + ".parts");
    String turned =
        to.transpose(
            apart, inNetwork.stream().map(inFile::indexOf).toList(), input.name() + ".turned");
    String made =
        to.reshape(turned, dims(inNetwork, shape.axis()), to.dims(shape), input.name() + ".value");
    boolean zeroed = shape instanceof ValueShape.Sequence && to.needsEnds(value);
    to.put(value, zeroed ? to.zeroed(shape.axis(), made, input.name() + ".zeroed") : made);
  }

  /** Whether vectors stand as recurrent operators have their states: {@code [blocks,B,H]}. */
  private static boolean isBlocks(TensorLayout layout) {
    return layout.columns().size() == 2
        && parts(layout).size() == layout.dimensions().size()
        && layout.dimensions().stream().allMatch(parts -> parts.size() == 1)
        && parts(layout).stream()
            .map(Part::kind)
            .toList()
            .equals(List.of(Kind.COLUMNS, Kind.BATCH, Kind.COLUMNS))
        && parts(layout).get(0).column() == 0;
  }

  /** All parts, outermost first. */
  private static List<Part> parts(TensorLayout layout) {
    return layout.dimensions().stream().flatMap(List::stream).toList();
  }

  /** The same in the order of the network's values. */
  private static List<Part> inNetwork(List<Part> parts) {
    List<Part> order = new ArrayList<>();
    for (Kind kind : List.of(Kind.STEPS, Kind.BATCH, Kind.COLUMNS)) {
      parts.stream()
          .filter(part -> part.kind() == kind)
          .sorted(java.util.Comparator.comparingInt(Part::column))
          .forEach(order::add);
    }
    return order;
  }

  // ---- outputs ----------------------------------------------------------------------------------

  private void output(ExchangedModel.Output output) {
    String name = output.name();
    ValueShape shape = to.shape(output.value());
    if (shape instanceof ValueShape.State) {
      throw new IllegalArgumentException(
          "output '" + name + "' is " + shape + "; needed a vector for each of its vectors");
    }
    TensorLayout layout = output.layout();
    String axis = shape.axis();
    List<Dim> dims = dims(layout, axis);
    DataType type = output.likeliest() ? DataType.INT64 : DataType.FLOAT;
    if (shape instanceof ValueShape.Vector && !output.likeliest() && isBlocks(layout)) {
      graph.output(name, type, said(dims), to.blocks(output.value(), layout.columns().get(0)));
      return;
    }
    String tensor = to.tensor(output.value());
    List<Dim> from = to.dims(shape);
    if (output.likeliest()) {
      tensor =
          graph.add(
              "ArgMax",
              output.value() + ".likeliest",
              List.of(tensor),
              GraphDraft.attribute("axis", -1L),
              GraphDraft.attribute("keepdims", 0L));
      from = from.subList(0, from.size() - 1);
    }
    List<Part> inFile = parts(layout);
    List<Part> inNetwork = inNetwork(inFile);
    String apart = to.reshape(tensor, from, dims(inNetwork, axis), output.value() + ".parts");
    String turned =
        to.transpose(
            apart, inFile.stream().map(inNetwork::indexOf).toList(), output.value() + ".turned");
    String made = to.reshape(turned, dims(inFile, axis), dims, output.value() + ".result");
    graph.output(name, type, said(dims), made);
  }
}
