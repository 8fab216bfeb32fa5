package dev.sequor.exchange.onnx;

import dev.sequor.backend.Activation;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.onnx.Writing.Block;
import dev.sequor.module.Activate;
import dev.sequor.module.Affine;
import dev.sequor.module.ColumnSum;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Dropout;
import dev.sequor.module.Each;
import dev.sequor.module.Embedding;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.OneHot;
import dev.sequor.module.Product;
import dev.sequor.module.ScheduledTokens;
import dev.sequor.module.Softmax;
import dev.sequor.module.Sum;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Modules that treat each row by itself. */
final class RowWriters {
  private RowWriters() {}

  /** Adds the nodes of a module that reads one value, for one tensor of any dimensions. */
  @FunctionalInterface
  private interface Rows {
    /**
     * What becomes of a tensor.
     *
     * @param node whose tensors the module has
     * @param module that of the node, or what the node does to parts
     * @param wanted what the result is to be called
     */
    String write(Network.Node node, Module module, String x, String wanted, Writing to);
  }

  private static final Map<Class<? extends Module>, Rows> ROWS = rows();

  private static Map<Class<? extends Module>, Rows> rows() {
    Map<Class<? extends Module>, Rows> rows = new LinkedHashMap<>();
    rows.put(
        Activate.class,
        (node, module, x, wanted, to) -> activated(to, ((Activate) module).function(), x, wanted));
    rows.put(Affine.class, RowWriters::affine);
    rows.put(ColumnSum.class, RowWriters::columnSum);
    rows.put(Columns.class, RowWriters::columns);
    rows.put(
        Dropout.class,
        (node, module, x, wanted, to) -> to.graph.add("Identity", wanted, List.of(x)));
    rows.put(LayerNorm.class, RowWriters::layerNorm);
    rows.put(Linear.class, RowWriters::linear);
    rows.put(
        LogSoftmax.class, (node, module, x, wanted, to) -> softmax(to, "LogSoftmax", x, wanted));
    rows.put(MergeDirections.class, RowWriters::mergeDirections);
    rows.put(Softmax.class, (node, module, x, wanted, to) -> softmax(to, "Softmax", x, wanted));
    return rows;
  }

  static void addTo(Map<Class<? extends Module>, ModuleWriter> writers) {
    ROWS.forEach(
        (type, rows) ->
            writers.put(
                type,
                (node, to) -> {
                  List<String> made = new ArrayList<>();
                  for (String x : to.tensors(node.inputs().get(0))) {
                    made.add(rows.write(node, node.module(), x, node.name(), to));
                  }
                  to.putAll(node.name(), made);
                }));
    writers.put(Each.class, RowWriters::each);
    writers.put(Concatenation.class, RowWriters::concatenation);
    writers.put(Sum.class, (node, to) -> combined(node, to, "Add"));
    writers.put(Product.class, (node, to) -> combined(node, to, "Mul"));
    writers.put(LearnedVector.class, RowWriters::learnedVector);
    writers.put(Embedding.class, RowWriters::embedding);
    writers.put(OneHot.class, RowWriters::oneHot);
    writers.put(
        ScheduledTokens.class, (node, to) -> to.put(node.name(), to.tensor(node.inputs().get(0))));
  }

  // ---- one value --------------------------------------------------------------------------------

  static String activated(Writing to, Activation function, String x, String wanted) {
    GraphDraft graph = to.graph;
    List<String> from = List.of(x);
    return switch (function) {
      case NONE -> graph.add("Identity", wanted, from);
      case TANH -> graph.add("Tanh", wanted, from);
      case RELU -> graph.add("Relu", wanted, from);
      case SIGMOID -> graph.add("Sigmoid", wanted, from);
      case ELU -> graph.add("Elu", wanted, from);
      case SELU -> graph.add("Selu", wanted, from);
      case SOFTPLUS -> graph.add("Softplus", wanted, from);
      case SOFTSIGN -> graph.add("Softsign", wanted, from);
      case EXP -> graph.add("Exp", wanted, from);
      case SQRT -> graph.add("Sqrt", wanted, from);
      case RECIPROCAL -> graph.add("Reciprocal", wanted, from);
      case HARD_SIGMOID -> graph.add("HardSigmoid", wanted, from);
      case HARD_SIGMOID_RELU6 ->
          graph.add(
              "HardSigmoid",
              wanted,
              from,
              GraphDraft.attribute("alpha", 1 / 6f),
              GraphDraft.attribute("beta", 0.5f));
      case LEAKY_RELU -> graph.add("LeakyRelu", wanted, from);
    };
  }

  private static String affine(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    Affine affine = (Affine) module;
    String y = x;
    if (affine.factor() != 1) {
      y = to.graph.add("Mul", wanted, List.of(y, to.graph.number(affine.factor())));
    }
    if (affine.offset() != 0) {
      y = to.graph.add("Add", wanted, List.of(y, to.graph.number(affine.offset())));
    }
    return y.equals(x) ? to.graph.add("Identity", wanted, List.of(x)) : y;
  }

  private static String columnSum(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    return reduced(
        to.graph, ((ColumnSum) module).mean() ? "ReduceMean" : "ReduceSum", x, -1, true, wanted);
  }

  /** A sum, mean or maximum over one dimension; where the axes are depends on the opset. */
  static String reduced(
      GraphDraft graph, String operator, String x, int axis, boolean keeps, String wanted) {
    boolean axesAreInput = operator.equals("ReduceSum") || graph.opset() >= 18;
    return axesAreInput
        ? graph.add(
            operator,
            wanted,
            List.of(x, graph.integers(axis)),
            GraphDraft.attribute("keepdims", keeps ? 1L : 0L))
        : graph.add(
            operator,
            wanted,
            List.of(x),
            GraphDraft.integers("axes", List.of(axis)),
            GraphDraft.attribute("keepdims", keeps ? 1L : 0L));
  }

  private static String columns(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    List<Columns.Range> ranges = ((Columns) module).ranges();
    if (ranges.size() == 1) {
      Columns.Range range = ranges.get(0);
      return to.slice(x, -1, range.first(), (long) range.first() + range.count(), wanted);
    }
    long[] which =
        ranges.stream()
            .flatMapToLong(
                range ->
                    java.util.stream.LongStream.range(
                        range.first(), (long) range.first() + range.count()))
            .toArray();
    return to.graph.add(
        "Gather", wanted, List.of(x, to.graph.integers(which)), GraphDraft.attribute("axis", -1L));
  }

  private static String layerNorm(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    LayerNorm norm = (LayerNorm) module;
    Block block = to.block(node, 0);
    String gain = to.weights(block.tensors().get(0));
    String bias = to.weights(block.tensors().get(1));
    return normalized(to.graph, x, norm.epsilon(), gain, bias, wanted);
  }

  /** Layer normalisation over the last dimension. */
  static String normalized(
      GraphDraft graph, String x, float epsilon, String gain, String bias, String wanted) {
    if (graph.opset() >= 17) {
      return graph.add(
          "LayerNormalization",
          wanted,
          List.of(x, gain, bias),
          GraphDraft.attribute("axis", -1L),
          GraphDraft.attribute("epsilon", epsilon));
    }
    String mean = reduced(graph, "ReduceMean", x, -1, true, wanted + ".mean");
    String centred = graph.add("Sub", wanted + ".centred", List.of(x, mean));
    String squares = graph.add("Mul", wanted + ".squares", List.of(centred, centred));
    String variance = reduced(graph, "ReduceMean", squares, -1, true, wanted + ".variance");
    String shifted =
        graph.add("Add", wanted + ".shifted", List.of(variance, graph.number(epsilon)));
    String deviation = graph.add("Sqrt", wanted + ".deviation", List.of(shifted));
    String normal = graph.add("Div", wanted + ".normal", List.of(centred, deviation));
    String scaled = graph.add("Mul", wanted + ".scaled", List.of(normal, gain));
    return graph.add("Add", wanted, List.of(scaled, bias));
  }

  private static String linear(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    Linear linear = (Linear) module;
    Block weights = to.block(node, 0);
    @Nullable NamedTensor bias = linear.bias() ? to.block(node, 1).tensors().get(0) : null;
    return dense(to, weights.tensors().get(0), bias, linear.activation(), x, wanted);
  }

  /** A dense layer with weights {@code [N,K]}. */
  static String dense(
      Writing to,
      NamedTensor weights,
      @Nullable NamedTensor bias,
      Activation activation,
      String x,
      String wanted) {
    String y = to.graph.add("MatMul", wanted, List.of(x, turned(to, weights)));
    if (bias != null) {
      y = to.graph.add("Add", wanted, List.of(y, to.weights(bias)));
    }
    return activation == Activation.NONE ? y : activated(to, activation, y, wanted);
  }

  /** Weights {@code [N,K]} as {@code [K,N]}: in the file, or turned when a table has them too. */
  private static String turned(Writing to, NamedTensor weights) {
    if (to.isTable(weights.name())) {
      return to.transpose(to.weights(weights), List.of(1, 0), weights.name() + ".turned");
    }
    int rows = weights.shape().get(0);
    int columns = weights.shape().get(1);
    return to.graph.weights(
        weights.name(), List.of(columns, rows), () -> GateRows.transposed(weights.values(), rows));
  }

  private static String softmax(Writing to, String operator, String x, String wanted) {
    return to.graph.add(operator, wanted, List.of(x), GraphDraft.attribute("axis", -1L));
  }

  private static String mergeDirections(
      Network.Node node, Module module, String x, String wanted, Writing to) {
    int width = to.shape(node.name()).width();
    String first = to.slice(x, -1, 0, width, wanted + ".forward");
    String second = to.slice(x, -1, width, 2L * width, wanted + ".backward");
    String sum = to.graph.add("Add", wanted, List.of(first, second));
    return ((MergeDirections) module).how() == MergeDirections.How.SUM
        ? sum
        : to.graph.add("Mul", wanted, List.of(sum, to.graph.number(0.5f)));
  }

  private static void each(Network.Node node, Writing to) {
    Each each = (Each) node.module();
    Rows rows = java.util.Objects.requireNonNull(ROWS.get(each.module().getClass()));
    String input = node.inputs().get(0);
    List<String> made = new ArrayList<>();
    for (String x : to.tensors(input)) {
      List<Dim> from = to.dims(to.shape(input));
      List<Dim> result = to.dims(to.shape(node.name()));
      String parts = to.reshape(x, from, inParts(from, each.parts()), node.name() + ".parts");
      String y = rows.write(node, each.module(), parts, node.name() + ".each", to);
      made.add(to.reshape(y, inParts(result, each.parts()), result, node.name()));
    }
    to.putAll(node.name(), made);
  }

  private static List<Dim> inParts(List<Dim> dims, int parts) {
    List<Dim> split = new ArrayList<>(dims.subList(0, dims.size() - 1));
    split.add(Dim.of(parts));
    split.add(Dim.of(dims.get(dims.size() - 1).count() / parts));
    return split;
  }

  // ---- several values ---------------------------------------------------------------------------

  private static void concatenation(Network.Node node, Writing to) {
    List<List<String>> given = node.inputs().stream().map(to::tensors).toList();
    List<String> made = new ArrayList<>();
    for (int s = 0; s < given.get(0).size(); s++) {
      int which = s;
      made.add(
          to.graph.add(
              "Concat",
              node.name(),
              given.stream().map(tensors -> tensors.get(which)).toList(),
              GraphDraft.attribute("axis", -1L)));
    }
    to.putAll(node.name(), made);
  }

  /** A sum or product, of which what is the same in all rows need not be there in each. */
  private static void combined(Network.Node node, Writing to, String operator) {
    List<String> own =
        node.inputs().stream().filter(input -> to.everywhere(input) == null).toList();
    List<String> made = new ArrayList<>();
    int count = to.tensors(own.isEmpty() ? node.inputs().get(0) : own.get(0)).size();
    for (int s = 0; s < count; s++) {
      @Nullable String y = null;
      for (int i = 0; i < node.inputs().size(); i++) {
        String input = node.inputs().get(i);
        boolean whole = own.isEmpty() && i == 0;
        @Nullable String same = whole ? null : to.everywhere(input);
        String x = same == null ? to.tensors(input).get(s) : same;
        y = y == null ? x : to.graph.add(operator, node.name(), List.of(y, x));
      }
      made.add(java.util.Objects.requireNonNull(y));
    }
    to.putAll(node.name(), made);
  }

  private static void learnedVector(Network.Node node, Writing to) {
    to.putEverywhere(node.name(), to.weights(to.block(node, 0).tensors().get(0)));
  }

  // ---- tokens -----------------------------------------------------------------------------------

  private static void embedding(Network.Node node, Writing to) {
    String table = to.weights(to.block(node, 0).tensors().get(0));
    String rows =
        to.graph.add("Gather", node.name(), List.of(table, to.tensor(node.inputs().get(0))));
    to.put(node.name(), to.zeroedIfObserved(node.name(), rows));
  }

  private static void oneHot(Network.Node node, Writing to) {
    int size = ((OneHot) node.module()).vocabularySize();
    String rows =
        to.graph.add(
            "OneHot",
            node.name(),
            List.of(
                to.tensor(node.inputs().get(0)),
                to.graph.integer(size),
                to.graph.weights("off_on", List.of(2), () -> new float[] {0, 1})));
    to.put(node.name(), to.zeroedIfObserved(node.name(), rows));
  }
}
