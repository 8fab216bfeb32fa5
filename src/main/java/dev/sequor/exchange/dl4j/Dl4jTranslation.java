package dev.sequor.exchange.dl4j;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Activation;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.exchange.dl4j.Dl4jGraph.Vertex;
import dev.sequor.exchange.dl4j.Dl4jLayers.Value;
import dev.sequor.exchange.draft.Functions;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.Affine;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Product;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.Reverse;
import dev.sequor.module.Sum;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Makes a network of a graph of layers, whose parameters follow each other in one array. */
final class Dl4jTranslation {
  private final Dl4jGraph graph;
  private final Dl4jInputs inputs;
  private final NetworkDraft draft = new NetworkDraft();
  private final Dl4jParameters parameters;
  private final Dl4jLayers layers;
  private final Map<String, Value> values = new HashMap<>();

  /** Where features are in sequences; null if no layer says so. */
  private @Nullable String format;

  Dl4jTranslation(Dl4jArchive archive) throws MalformedFileException {
    this.graph = Dl4jGraph.of(archive);
    this.inputs = new Dl4jInputs(graph);
    this.parameters = new Dl4jParameters(archive.parameters());
    this.layers = new Dl4jLayers(draft, parameters);
  }

  ExchangedModel model() throws MalformedFileException {
    for (Vertex vertex : graph.vertices()) {
      takeFormats(vertex.json());
      if (vertex.preprocessor() != null) {
        takeFormats(vertex.preprocessor());
      }
    }
    graph.inputs().forEach(name -> values.put(name, new Value(draft.newName(name), false)));
    graph.inputs().forEach(this::input);
    for (Vertex vertex : graph.vertices()) {
      try {
        values.put(vertex.name(), apply(vertex));
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw new IllegalArgumentException(vertex.label() + " " + e.getMessage(), e);
      }
    }
    parameters.requireTaken();
    return finish();
  }

  private Value value(String name) {
    return Objects.requireNonNull(values.get(name));
  }

  // ---- inputs and outputs -----------------------------------------------------------------------

  /** Takes note of a format, which has to be the same everywhere. */
  private void takeFormats(JsonObject object) throws MalformedFileException {
    for (String name : List.of("rnnDataFormat", "rnndataFormat", "outputFormat", "dataFormat")) {
      String its = object.node().path(name).asText();
      if (!its.equals("NCW") && !its.equals("NWC")) {
        if (object.has(name)) {
          throw object.refused(name, "NCW or NWC");
        }
        continue;
      }
      if (format != null && !format.equals(its)) {
        throw object.refused(name, format + " as before");
      }
      format = its;
    }
    for (String inner : List.of("fwd", "bwd", "underlying", "layer", "preProcessor")) {
      if (object.node().path(inner).isObject()) {
        takeFormats(object.object(inner));
      }
    }
  }

  private boolean isFeaturesLast() {
    return "NWC".equals(format);
  }

  private void input(String name) {
    int width = inputs.width(name);
    String axis = value(inputs.axis(name)).name();
    draft.input(
        value(name).name(),
        switch (inputs.form(name)) {
          case SEQUENCE -> new ValueShape.Sequence(axis, width);
          case VECTOR -> new ValueShape.Vector("", width);
          case TOKENS, TOKEN_ROWS, TOKEN -> new ValueShape.Tokens(axis, width);
        });
  }

  private TensorLayout layout(ValueShape shape) {
    int width = shape.width();
    if (shape instanceof ValueShape.Vector) {
      return TensorLayout.vectors(width);
    }
    return isFeaturesLast()
        ? TensorLayout.batchFirst(width)
        : new TensorLayout(
            List.of(List.of(Part.batch()), List.of(Part.columns(0, width)), List.of(Part.steps())),
            List.of(width));
  }

  private ExchangedModel.Input taken(String name) {
    String value = value(name).name();
    TensorLayout layout =
        switch (inputs.form(name)) {
          case SEQUENCE, VECTOR -> layout(draft.shape(value));
          case TOKENS -> TensorLayout.tokens();
          case TOKEN_ROWS ->
              new TensorLayout(
                  List.of(List.of(Part.batch()), List.of(), List.of(Part.steps())), List.of());
          case TOKEN ->
              new TensorLayout(
                  List.of(List.of(Part.batch()), List.of(new Part(Kind.STEPS, 1, 0))), List.of());
        };
    boolean tokens = draft.shape(value) instanceof ValueShape.Tokens;
    return ExchangedModel.Input.of(name, tokens ? TensorType.I32 : TensorType.F32, layout, value);
  }

  private ExchangedModel finish() {
    List<String> made = new ArrayList<>();
    for (String output : graph.outputs()) {
      Value value = value(output);
      if (value.inRows()) {
        throw new IllegalArgumentException(
            "gives the steps of all sequences as rows, which is not supported");
      }
      made.add(
          draft.inputs().stream().anyMatch(input -> input.name().equals(value.name()))
              ? draft.add("output", new Affine(1, 0), value.name())
              : value.name());
    }
    List<TensorLayout> layouts = made.stream().map(each -> layout(draft.shape(each))).toList();
    List<ExchangedModel.Input> taken = graph.inputs().stream().map(this::taken).toList();
    NetworkDraft.Finished finished = draft.finish(made);
    List<ExchangedModel.Output> outputs = new ArrayList<>();
    for (int i = 0; i < made.size(); i++) {
      outputs.add(
          ExchangedModel.Output.of(
              made.size() == 1 ? "output" : graph.outputs().get(i),
              layouts.get(i),
              finished.outputs().get(i)));
    }
    return new ExchangedModel(finished.network(), finished.parameters(), taken, outputs);
  }

  // ---- vertices ---------------------------------------------------------------------------------

  private Value apply(Vertex vertex) throws MalformedFileException {
    List<Value> given = vertex.inputs().stream().map(this::value).toList();
    Value x = given.get(0);
    if (vertex.kind().equals("MergeVertex")) {
      return merged(vertex, given);
    }
    if (vertex.kind().equals("ElementWiseVertex")) {
      return elementWise(vertex.json(), given);
    }
    if (given.size() != 1) {
      throw new IllegalArgumentException("is given " + given.size() + " values; needed 1");
    }
    if (vertex.isLayer()) {
      JsonObject before = vertex.preprocessor();
      return layers.apply(vertex.json(), before == null ? x : layers.preprocessed(before, x));
    }
    String name = vertex.name();
    JsonObject json = vertex.json();
    return switch (vertex.kind()) {
      case "LastTimeStepVertex" -> layers.last(x);
      case "ReverseTimeSeriesVertex" -> {
        layers.requireSequence(x);
        yield x.with(draft.add(name, new Reverse(), x.name()));
      }
      case "DuplicateToTimeSeriesVertex" -> {
        Value along = values.get(json.text("inputName"));
        if (along == null) {
          throw json.refused("inputName", "an input of the network");
        }
        yield x.with(draft.add(name, new RepeatAlong(), x.name(), along.name()));
      }
      case "PreprocessorVertex" -> layers.preprocessed(json.object("preProcessor"), x);
      case "ScaleVertex" -> scaled(name, x, json.number("scaleFactor"), 0);
      case "ShiftVertex" -> scaled(name, x, 1, json.number("shiftFactor"));
      case "SubsetVertex" -> {
        int from = json.integer("from", 0);
        int count = Math.addExact(Math.subtractExact(json.integer("to", 0), from), 1);
        int width = draft.shape(x.name()).width();
        yield x.with(draft.add(name, Columns.range(width, from, count), x.name()));
      }
      default -> throw new AssertionError(vertex.kind()); // refused with the inputs
    };
  }

  private Value scaled(String name, Value x, double factor, double offset) {
    Affine affine = new Affine((float) factor, (float) offset);
    return x.with(draft.add(name, affine, x.name()));
  }

  /** Values of one form: all of them rows, sequences or vectors. */
  private static void requireAlike(List<Value> given) {
    if (given.stream().map(Value::inRows).distinct().count() > 1) {
      throw new IllegalArgumentException("puts rows of sequences and other values together");
    }
  }

  private Value merged(Vertex vertex, List<Value> given) throws MalformedFileException {
    requireAlike(given);
    Value x = given.get(0);
    boolean sequences = draft.shape(x.name()) instanceof ValueShape.Sequence && !x.inRows();
    int features = sequences && isFeaturesLast() ? 2 : 1;
    JsonNode axis = vertex.json().node().path("mergeAxis");
    if (axis.isNumber() && axis.intValue() != features) {
      throw vertex.json().refused("mergeAxis", String.valueOf(features));
    }
    List<String> names = given.stream().map(Value::name).toList();
    return names.size() == 1
        ? x
        : x.with(draft.add(vertex.name(), new Concatenation(), names, List.of()));
  }

  private Value elementWise(JsonObject json, List<Value> given) throws MalformedFileException {
    requireAlike(given);
    List<String> names = given.stream().map(Value::name).toList();
    String name = "elementwise";
    String op = json.text("op");
    if (names.size() < 2) {
      throw new IllegalArgumentException("is given 1 value; needed 2");
    }
    String made =
        switch (op) {
          case "Add" -> draft.add(name, new Sum(), names, List.of());
          case "Product" -> draft.add(name, new Product(), names, List.of());
          case "Average" ->
              draft.add(
                  name,
                  new Affine(1f / names.size(), 0),
                  draft.add(name, new Sum(), names, List.of()));
          case "Subtract" -> {
            if (names.size() != 2) {
              throw new IllegalArgumentException("is given " + names.size() + " values; needed 2");
            }
            yield difference(name, names.get(0), names.get(1));
          }
          case "Max" -> {
            String largest = names.get(0);
            for (String other : names.subList(1, names.size())) {
              largest = larger(name, largest, other);
            }
            yield largest;
          }
          default -> throw json.refused("op", "Add, Subtract, Product, Average or Max");
        };
    return given.get(0).with(made);
  }

  private String difference(String name, String x, String y) {
    return draft.add(name, new Sum(), x, draft.add(name, new Affine(-1, 0), y));
  }

  /** {@code max(x, y) = x + relu(y − x)}. */
  private String larger(String name, String x, String y) {
    String by = new Functions(draft, name).of(Activation.RELU, difference(name, y, x));
    return draft.add(name, new Sum(), x, by);
  }
}
