package dev.sequor.exchange.dl4j;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.exchange.draft.Functions;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.Affine;
import dev.sequor.module.Columns;
import dev.sequor.module.Dropout;
import dev.sequor.module.Embedding;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Pool;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Softmax;
import dev.sequor.module.ValueShape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes a network of a configuration of layers, whose parameters follow each other in one array.
 */
final class Dl4jTranslation {
  private static final String INPUT = "input";

  private final Dl4jArchive archive;
  private final NetworkDraft draft = new NetworkDraft();
  private int taken;

  /** What is between two layers. */
  private String value = "";

  /** Whether the steps of all sequences are rows now, between preprocessors. */
  private boolean inRows;

  /** Where features are in sequences; null as long as no layer has said so. */
  private @Nullable String format;

  Dl4jTranslation(Dl4jArchive archive) {
    this.archive = archive;
  }

  // ---- the network ----------------------------------------------------------------------------

  ExchangedModel model() throws IOException {
    List<JsonObject> confs = archive.configuration().objects("confs");
    if (confs.isEmpty()) {
      throw archive.configuration().refused("confs", "at least one layer");
    }
    List<JsonObject> layers = new ArrayList<>();
    for (JsonObject conf : confs) {
      layers.add(conf.object("layer"));
    }
    Map<String, String> preprocessors = preprocessors(layers.size());
    boolean tokens = kind(layers.get(0)).equals("EmbeddingSequenceLayer");
    input(layers, preprocessors);
    for (int i = 0; i < layers.size(); i++) {
      JsonObject layer = layers.get(i);
      String label = "layer " + i + " '" + name(layer) + "' (" + kind(layer) + ")";
      try {
        preprocess(preprocessors.getOrDefault(String.valueOf(i), ""));
        layer(layer);
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw new IllegalArgumentException(label + " " + e.getMessage(), e);
      }
    }
    if (taken != archive.parameters().length) {
      throw new IllegalArgumentException(
          "has " + archive.parameters().length + " parameters; its layers need " + taken);
    }
    if (inRows) {
      throw new IllegalArgumentException(
          "gives the steps of all sequences as rows, which is not supported");
    }
    String output = value.equals(INPUT) ? draft.add("output", new Affine(1, 0), value) : value;
    NetworkDraft.Finished finished = draft.finish(List.of(output));
    return new ExchangedModel(
        finished.network(),
        finished.parameters(),
        List.of(
            ExchangedModel.Input.of(
                INPUT,
                tokens ? TensorType.I32 : TensorType.F32,
                tokens ? TensorLayout.tokens() : layout(draft.shape(INPUT)),
                INPUT)),
        List.of(
            ExchangedModel.Output.of(
                "output", layout(draft.shape(output)), finished.outputs().get(0))));
  }

  private TensorLayout layout(ValueShape shape) {
    int width = shape.width();
    if (shape instanceof ValueShape.Vector) {
      return TensorLayout.vectors(width);
    }
    return "NWC".equals(format)
        ? TensorLayout.batchFirst(width)
        : new TensorLayout(
            List.of(List.of(Part.batch()), List.of(Part.columns(0, width)), List.of(Part.steps())),
            List.of(width));
  }

  private static String simpleName(JsonObject object) throws MalformedFileException {
    String name = object.text("@class");
    return name.substring(name.lastIndexOf('.') + 1);
  }

  /** The class of a layer, without its package. */
  private static String kind(JsonObject layer) throws MalformedFileException {
    return simpleName(layer);
  }

  private static String name(JsonObject layer) throws MalformedFileException {
    return layer.has("layerName") ? layer.text("layerName") : "";
  }

  /** The classes of what stands in front of layers, by the layer's number. */
  private Map<String, String> preprocessors(int layers) throws MalformedFileException {
    Map<String, String> found = new java.util.HashMap<>();
    if (archive.configuration().has("inputPreProcessors")) {
      JsonObject all = archive.configuration().object("inputPreProcessors");
      for (String number : all.names()) {
        JsonObject one = all.object(number);
        if (!number.matches("[0-9]{1,6}") || Integer.parseInt(number) >= layers) {
          throw all.refused(number, "the number of a layer");
        }
        found.put(number, simpleName(one));
        takeFormat(one, "rnnDataFormat");
      }
    }
    return found;
  }

  private void preprocess(String kind) {
    switch (kind) {
      case "" -> {}
      case "RnnToFeedForwardPreProcessor" -> {
        requireSequence();
        inRows = true;
      }
      case "FeedForwardToRnnPreProcessor" -> {
        if (!inRows) {
          throw new IllegalArgumentException(
              "has a FeedForwardToRnnPreProcessor in front of it that reads no rows of sequences");
        }
        inRows = false;
      }
      default ->
          throw new IllegalArgumentException(
              "has a " + kind + " in front of it, which is not supported");
    }
  }

  /** Takes note of a format, which has to be the same everywhere. */
  private void takeFormat(JsonObject layer, String name) throws MalformedFileException {
    if (layer.has(name)) {
      String its = layer.text(name);
      if (!its.equals("NCW") && !its.equals("NWC")) {
        throw layer.refused(name, "NCW or NWC");
      }
      if (format != null && !format.equals(its)) {
        throw layer.refused(name, format + " as before");
      }
      format = its;
    }
  }

  private static JsonObject within(JsonObject layer) throws MalformedFileException {
    return switch (kind(layer)) {
      case "Bidirectional" -> within(layer.object("fwd"));
      case "LastTimeStep" -> within(layer.object("underlying"));
      default -> layer;
    };
  }

  private void input(List<JsonObject> layers, Map<String, String> preprocessors)
      throws MalformedFileException {
    JsonObject first = within(layers.get(0));
    for (int i = 1; i < layers.size() && !first.has("nin"); i++) {
      first = within(layers.get(i));
    }
    int width = first.integer("nin", 1);
    boolean tokens = kind(layers.get(0)).equals("EmbeddingSequenceLayer");
    boolean vectors =
        switch (kind(first)) {
          case "DenseLayer", "OutputLayer" -> !preprocessors.containsKey("0");
          default -> false;
        };
    value = draft.newName(INPUT);
    draft.input(
        INPUT,
        tokens
            ? new ValueShape.Tokens(INPUT, width)
            : vectors ? new ValueShape.Vector("", width) : new ValueShape.Sequence(INPUT, width));
  }

  // ---- parameters -----------------------------------------------------------------------------

  private float[] take(long count) {
    if (count > archive.parameters().length - taken) {
      throw new IllegalArgumentException(
          "needs "
              + count
              + " parameters; the file has "
              + (archive.parameters().length - taken)
              + " more");
    }
    float[] values = Arrays.copyOfRange(archive.parameters(), taken, taken + (int) count);
    taken += (int) count;
    return values;
  }

  // ---- functions ------------------------------------------------------------------------------

  private static String functionOf(JsonObject layer, String name) throws MalformedFileException {
    return simpleName(layer.object(name));
  }

  /** Refuses a function's constants other than {@code usual}. */
  private static double constant(JsonObject layer, String function, String name, double usual)
      throws MalformedFileException {
    return layer.object(function).number(name, usual);
  }

  private static Activation plain(String function) {
    return switch (function) {
      case "ActivationIdentity" -> Activation.NONE;
      case "ActivationTanH" -> Activation.TANH;
      case "ActivationSigmoid" -> Activation.SIGMOID;
      case "ActivationSELU" -> Activation.SELU;
      case "ActivationSoftPlus" -> Activation.SOFTPLUS;
      case "ActivationSoftSign" -> Activation.SOFTSIGN;
      case "ActivationHardSigmoid" -> Activation.HARD_SIGMOID;
      default ->
          throw new IllegalArgumentException(
              "has the activation " + function + ", which is not supported");
    };
  }

  private String activated(JsonObject layer, String x) throws MalformedFileException {
    Functions functions = new Functions(draft, "activation");
    String name = "activationFn";
    String function = functionOf(layer, name);
    return switch (function) {
      case "ActivationSoftmax" -> draft.add("softmax", new Softmax(), x);
      case "ActivationReLU" -> {
        double most = constant(layer, name, "max", 0);
        if (most != 0 || constant(layer, name, "threshold", 0) != 0) {
          throw new IllegalArgumentException(
              "has an ActivationReLU with a maximum or a threshold, which is not supported");
        }
        yield functions.leakyRelu(constant(layer, name, "negativeSlope", 0), x);
      }
      case "ActivationLReLU" -> functions.leakyRelu(constant(layer, name, "alpha", 0.01), x);
      case "ActivationELU" -> functions.elu(constant(layer, name, "alpha", 1), x);
      case "ActivationSwish" -> functions.gated(Activation.SIGMOID, x);
      default -> functions.of(plain(function), x);
    };
  }

  private static GateFunction gate(JsonObject layer, String name) throws MalformedFileException {
    String function = functionOf(layer, name);
    return switch (function) {
      case "ActivationTanH" -> GateFunction.TANH;
      case "ActivationSigmoid" -> GateFunction.SIGMOID;
      case "ActivationIdentity" -> GateFunction.of(GateFunction.Kind.AFFINE);
      case "ActivationSoftPlus" -> GateFunction.of(GateFunction.Kind.SOFTPLUS);
      case "ActivationSoftSign" -> GateFunction.of(GateFunction.Kind.SOFTSIGN);
      case "ActivationHardSigmoid" -> GateFunction.of(GateFunction.Kind.HARD_SIGMOID);
      case "ActivationReLU" -> {
        JsonObject its = layer.object(name);
        if (its.number("max", 0) != 0
            || its.number("threshold", 0) != 0
            || its.number("negativeSlope", 0) != 0) {
          throw new IllegalArgumentException(
              "has a gate with an ActivationReLU of its own kind, which is not supported");
        }
        yield GateFunction.RELU;
      }
      default ->
          throw new IllegalArgumentException(
              "has a gate with the activation " + function + ", which is not supported");
    };
  }

  // ---- layers ---------------------------------------------------------------------------------

  private void requireSequence() {
    if (!(draft.shape(value) instanceof ValueShape.Sequence)) {
      throw new IllegalArgumentException("reads " + draft.shape(value) + "; needed a sequence");
    }
    if (inRows) {
      throw new IllegalArgumentException("reads the steps of all sequences as rows");
    }
  }

  private void requireVectors() {
    if (draft.shape(value) instanceof ValueShape.Sequence && !inRows) {
      throw new IllegalArgumentException(
          "reads a sequence without a RnnToFeedForwardPreProcessor in front of it");
    }
  }

  private void layer(JsonObject layer) throws MalformedFileException {
    if (layer.flag("hasLayerNorm", false)) {
      throw new IllegalArgumentException("has layer normalisation, which is not supported");
    }
    takeFormat(layer, "rnnDataFormat");
    takeFormat(layer, "rnndataFormat");
    dropout(layer);
    switch (kind(layer)) {
      case "LSTM", "GravesLSTM", "SimpleRnn", "Bidirectional" -> value = sequences(layer);
      case "LastTimeStep" -> {
        value = sequences(layer.object("underlying"));
        // The last step of what both directions give, whichever way each has gone.
        value = draft.add("last", new LastStep(Direction.FORWARD), value);
      }
      case "RnnOutputLayer" -> {
        requireSequence();
        value = activated(layer, dense(layer));
      }
      case "DenseLayer", "OutputLayer" -> {
        requireVectors();
        value = activated(layer, dense(layer));
      }
      case "RnnLossLayer" -> {
        requireSequence();
        value = activated(layer, value);
      }
      case "LossLayer", "ActivationLayer" -> value = activated(layer, value);
      case "DropoutLayer" -> {}
      case "EmbeddingSequenceLayer" -> value = activated(layer, embedding(layer));
      case "GlobalPoolingLayer" -> value = pooled(layer);
      default -> throw new IllegalArgumentException("is of a class that is not supported");
    }
  }

  /** What is dropped of what a layer reads; {@code p} is the probability of keeping there. */
  private void dropout(JsonObject layer) throws MalformedFileException {
    if (!layer.has("idropout")) {
      return;
    }
    JsonObject dropout = layer.object("idropout");
    JsonNode kept = dropout.node().path("p");
    if (simpleName(dropout).equals("Dropout")
        && kept.isNumber()
        && kept.doubleValue() > 0
        && kept.doubleValue() < 1
        && !(draft.shape(value) instanceof ValueShape.Tokens)) {
      value = draft.add("dropout", new Dropout((float) (1 - kept.doubleValue())), value);
    }
  }

  private String dense(JsonObject layer) throws MalformedFileException {
    int in = layer.integer("nin", 1);
    int out = layer.integer("nout", 1);
    boolean bias = layer.flag("hasBias", true);
    List<Weights> weights = new ArrayList<>();
    weights.add(Weights.of(take((long) in * out))); // in order 'f' its columns are our rows
    if (bias) {
      weights.add(Weights.of(take(out)));
    }
    return draft.add(
        name(layer), new Linear(in, out, Activation.NONE, bias), List.of(value), weights);
  }

  private String embedding(JsonObject layer) throws MalformedFileException {
    takeFormat(layer, "outputFormat");
    if (layer.flag("hasBias", false)) {
      throw new IllegalArgumentException("has a bias, which is not supported");
    }
    int in = layer.integer("nin", 1);
    int out = layer.integer("nout", 1);
    float[] table = GateRows.transposed(take((long) in * out), out);
    return draft.add(
        name(layer), new Embedding(in, out), List.of(value), List.of(Weights.of(table)));
  }

  private String pooled(JsonObject layer) throws MalformedFileException {
    requireSequence();
    if (layer.has("poolingDimensions") || !layer.flag("collapseDimensions", true)) {
      throw new IllegalArgumentException(
          "pools other dimensions than time alone, which is not supported");
    }
    String how = layer.text("poolingType");
    Pool pool =
        new Pool(
            switch (how) {
              case "MAX" -> Pool.How.MAXIMUM;
              case "AVG" -> Pool.How.MEAN;
              case "SUM" -> Pool.How.SUM;
              default -> throw layer.refused("poolingType", "MAX, AVG or SUM");
            });
    return draft.add("pooled", pool, value);
  }

  // ---- recurrent layers -----------------------------------------------------------------------

  /** A direction of a layer. */
  private record Cell(RnnSpec stack, GateRows rows) {}

  private String sequences(JsonObject layer) throws MalformedFileException {
    requireSequence();
    takeFormat(layer, "rnnDataFormat");
    takeFormat(layer, "rnndataFormat");
    if (!kind(layer).equals("Bidirectional")) {
      return add(layer, Direction.FORWARD, List.of(cell(layer)));
    }
    Cell forward = cell(layer.object("fwd"));
    Cell backward = cell(layer.object("bwd"));
    if (!forward.stack().equals(backward.stack())) {
      throw new IllegalArgumentException(
          "has another layer backwards than forwards, which is not supported");
    }
    String y = add(layer, Direction.BIDIRECTIONAL, List.of(forward, backward));
    int h = forward.stack().hiddenSize();
    String mode = layer.text("mode");
    return switch (mode) {
      case "CONCAT" -> y;
      case "ADD" -> draft.add("merged", new MergeDirections(MergeDirections.How.SUM), y);
      case "AVERAGE" -> draft.add("merged", new MergeDirections(MergeDirections.How.MEAN), y);
      case "MUL" ->
          draft.add(
              "merged",
              new Product(),
              draft.add("forward", Columns.range(2 * h, 0, h), y),
              draft.add("backward", Columns.range(2 * h, h, h), y));
      default -> throw layer.refused("mode", "CONCAT, ADD, AVERAGE or MUL");
    };
  }

  private String add(JsonObject layer, Direction direction, List<Cell> cells)
      throws MalformedFileException {
    RnnSpec stack = cells.get(0).stack().withDirection(direction);
    List<GateRows> rows = cells.stream().map(Cell::rows).toList();
    return draft.add(
        name(layer),
        new Recurrent(stack),
        List.of(value),
        List.of(new Weights(new Object(), GateRows.block(stack, rows))));
  }

  /**
   * A layer with its parameters. Matrices lie column by column, which are rows here; gates stand in
   * the order candidate, forget, output, input, and peepholes behind them in the order f, o, i.
   */
  private Cell cell(JsonObject layer) throws MalformedFileException {
    String kind = kind(layer);
    if (layer.flag("hasLayerNorm", false)) {
      throw new IllegalArgumentException("has layer normalisation, which is not supported");
    }
    CellType type =
        switch (kind) {
          case "LSTM" -> CellType.LSTM;
          case "GravesLSTM" -> CellType.LSTM_PEEPHOLE;
          case "SimpleRnn" -> CellType.RNN_TANH;
          default ->
              throw new IllegalArgumentException(
                  "has a " + kind + " in it, which is not supported");
        };
    takeFormat(layer, "rnnDataFormat");
    int in = layer.integer("nin", 1);
    int h = layer.integer("nout", 1);
    GateFunction function = gate(layer, "activationFn");
    List<GateFunction> functions =
        type == CellType.RNN_TANH
            ? List.of(function)
            : List.of(gate(layer, "gateActivationFn"), function, function);
    for (CellType other : List.of(CellType.RNN_RELU, CellType.RNN_LINEAR)) {
      type = type == CellType.RNN_TANH && functions.equals(other.functions()) ? other : type;
    }
    RnnSpec stack = RnnSpec.of(type, in, h);
    if (!functions.equals(type.functions())) {
      GateFunction[] its = functions.toArray(GateFunction[]::new);
      stack = stack.withOptions(CellOptions.builder().activations(its).build());
    }
    int gates = type.gates();
    long columns = (long) gates * h;
    float[] input = take(in * columns);
    float[] recurrent = take(h * columns);
    float @Nullable [] peepholes = null;
    if (type == CellType.LSTM_PEEPHOLE) {
      float[] theirs = take(3L * h);
      peepholes = new float[3 * h];
      for (int i = 0; i < 3; i++) {
        System.arraycopy(theirs, "foi".indexOf("ifo".charAt(i)) * h, peepholes, i * h, h);
      }
    }
    float[] bias = take(columns);
    return new Cell(
        stack, new GateRows(gates == 1 ? "h" : "gfoi", input, recurrent, bias, null, peepholes));
  }
}
