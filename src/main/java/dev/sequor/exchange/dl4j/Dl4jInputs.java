package dev.sequor.exchange.dl4j;

import dev.sequor.exchange.dl4j.Dl4jGraph.Vertex;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the inputs of a network are. Its file does not say so: the layers that read them do, and if
 * other vertices stand between, what else these read.
 */
final class Dl4jInputs {
  /** What an input, or a value, may be. */
  enum Form {
    /** Sequences of vectors. */
    SEQUENCE,
    /** One vector a sequence. */
    VECTOR,
    /** Tokens, {@code [batch, time]}. */
    TOKENS,
    /** Tokens, {@code [batch, 1, time]}. */
    TOKEN_ROWS,
    /** One token a sequence, {@code [batch, 1]}. */
    TOKEN
  }

  private final Map<String, Form> forms = new HashMap<>();
  private final Map<String, Integer> widths = new HashMap<>();
  private final Map<String, String> axes = new HashMap<>();

  Dl4jInputs(Dl4jGraph graph) throws MalformedFileException {
    // Backwards what readers need, forwards what that makes known, until nothing new is found.
    int known = -1;
    while (forms.size() + widths.size() > known) {
      known = forms.size() + widths.size();
      for (int v = graph.vertices().size() - 1; v >= 0; v--) {
        backward(graph.vertices().get(v));
      }
      for (Vertex vertex : graph.vertices()) {
        forward(vertex);
      }
    }
    graph.inputs().forEach(input -> axes.put(input, input));
    graph.vertices().forEach(this::axis);
  }

  /** What an input is. */
  Form form(String input) {
    @Nullable Form form = forms.get(input);
    return form == null ? Form.SEQUENCE : form;
  }

  /** How many features an input has, or of how many tokens it is. */
  int width(String input) {
    @Nullable Integer width = widths.get(input);
    if (width == null) {
      throw new IllegalArgumentException(
          "input '" + input + "' has a number of features that no layer says");
    }
    return width;
  }

  /** The input that brings the time axis of an input. */
  String axis(String input) {
    return Objects.requireNonNull(axes.get(input));
  }

  // ---- layers -----------------------------------------------------------------------------------

  /** A layer without what is around it. */
  static JsonObject within(JsonObject layer) throws MalformedFileException {
    return switch (Dl4jGraph.kind(layer)) {
      case "Bidirectional" -> within(layer.object("fwd"));
      case "LastTimeStep", "TimeDistributed", "MaskZeroLayer", "FrozenLayerWithBackprop" ->
          within(layer.object("underlying"));
      case "FrozenLayer" -> within(layer.object("layer"));
      default -> layer;
    };
  }

  /** Whether a layer makes the same of what it reads, number by number or step by step. */
  private static boolean keepsWidth(String kind) {
    return switch (kind) {
      case "ActivationLayer",
          "DropoutLayer",
          "LossLayer",
          "RnnLossLayer",
          "GlobalPoolingLayer",
          "RepeatVector",
          "ElementWiseVertex",
          "ScaleVertex",
          "ShiftVertex",
          "ReverseTimeSeriesVertex",
          "LastTimeStepVertex",
          "DuplicateToTimeSeriesVertex",
          "PreprocessorVertex" ->
          true;
      default -> false;
    };
  }

  private static boolean isConcatenated(JsonObject layer) throws MalformedFileException {
    return switch (Dl4jGraph.kind(layer)) {
      case "Bidirectional" -> layer.node().path("mode").asText().equals("CONCAT");
      case "LastTimeStep", "FrozenLayerWithBackprop" -> isConcatenated(layer.object("underlying"));
      case "FrozenLayer" -> isConcatenated(layer.object("layer"));
      default -> false;
    };
  }

  /** Whether a layer says how many features it reads and makes. */
  private static boolean hasWidth(JsonObject layer) throws MalformedFileException {
    return switch (Dl4jGraph.kind(layer)) {
      case "LSTM",
          "GravesLSTM",
          "GravesBidirectionalLSTM",
          "SimpleRnn",
          "DenseLayer",
          "OutputLayer",
          "RnnOutputLayer",
          "EmbeddingLayer",
          "EmbeddingSequenceLayer" ->
          true;
      default -> false;
    };
  }

  private void learn(String value, @Nullable Form form, int width) {
    if (form != null) {
      forms.putIfAbsent(value, form);
    }
    if (width > 0) {
      widths.putIfAbsent(value, width);
    }
  }

  // ---- what readers need ------------------------------------------------------------------------

  private void backward(Vertex vertex) throws MalformedFileException {
    String first = vertex.inputs().get(0);
    @Nullable Integer made = widths.get(vertex.name());
    if (vertex.isLayer()) {
      JsonObject layer = within(vertex.json());
      String kind = Dl4jGraph.kind(layer);
      if (!hasWidth(layer) && !keepsWidth(kind)) {
        throw new IllegalArgumentException(
            vertex.label()
                + (kind.equals(vertex.kind())
                    ? " is of a class that is not supported"
                    : " has a " + kind + " in it, which is not supported"));
      }
      int width = hasWidth(layer) ? layer.integer("nin", 1) : made == null ? 0 : made;
      learn(first, needed(vertex, layer), width);
      return;
    }
    switch (vertex.kind()) {
      case "LastTimeStepVertex", "ReverseTimeSeriesVertex" ->
          learn(first, Form.SEQUENCE, made == null ? 0 : made);
      case "DuplicateToTimeSeriesVertex" -> {
        learn(first, Form.VECTOR, made == null ? 0 : made);
      }
      case "MergeVertex" -> {
        int rest = made == null ? 0 : made;
        String open = null;
        for (String input : vertex.inputs()) {
          learn(input, forms.get(vertex.name()), 0);
          @Nullable Integer width = widths.get(input);
          rest -= width == null ? 0 : width;
          if (width == null) {
            rest = open == null ? rest : 0; // two are open
            open = input;
          }
        }
        if (open != null) {
          learn(open, null, rest);
        }
      }
      case "PreprocessorVertex" -> learn(first, null, made == null ? 0 : made);
      case "SubsetVertex" -> learn(first, forms.get(vertex.name()), 0);
      case "ElementWiseVertex", "ScaleVertex", "ShiftVertex" -> {
        for (String input : vertex.inputs()) {
          learn(input, forms.get(vertex.name()), made == null ? 0 : made);
        }
      }
      default ->
          throw new IllegalArgumentException(
              vertex.label() + " is of a class that is not supported");
    }
  }

  private @Nullable Form needed(Vertex vertex, JsonObject layer) throws MalformedFileException {
    boolean rows = vertex.preprocessor() != null;
    String kind = vertex.kind();
    if (kind.equals("LastTimeStep") || kind.equals("TimeDistributed")) {
      return Form.SEQUENCE;
    }
    return switch (Dl4jGraph.kind(layer)) {
      case "EmbeddingSequenceLayer" -> Form.TOKENS;
      case "EmbeddingLayer" -> rows ? Form.TOKEN_ROWS : Form.TOKEN;
      case "DenseLayer", "OutputLayer" -> rows ? null : Form.VECTOR;
      case "RepeatVector" -> Form.VECTOR;
      case "ActivationLayer", "DropoutLayer", "LossLayer" -> rows ? null : forms.get(vertex.name());
      default -> Form.SEQUENCE;
    };
  }

  // ---- what vertices make -----------------------------------------------------------------------

  private void forward(Vertex vertex) throws MalformedFileException {
    int width = 0;
    @Nullable Form form = null;
    @Nullable Integer read = widths.get(vertex.inputs().get(0));
    if (vertex.isLayer()) {
      JsonObject layer = within(vertex.json());
      int times = isConcatenated(vertex.json()) ? 2 : 1;
      width = hasWidth(layer) ? Math.multiplyExact(layer.integer("nout", 1), times) : 0;
    } else if (vertex.kind().equals("MergeVertex")) {
      for (String input : vertex.inputs()) {
        @Nullable Integer part = widths.get(input);
        width = part == null || width < 0 ? -1 : width + part;
        form = form == null ? forms.get(input) : form;
      }
    } else if (vertex.kind().equals("SubsetVertex")) {
      width = vertex.json().integer("to", 0) - vertex.json().integer("from", 0) + 1;
    } else if (vertex.kind().equals("DuplicateToTimeSeriesVertex")) {
      form = Form.SEQUENCE;
    } else if (vertex.kind().equals("ElementWiseVertex")) {
      for (String input : vertex.inputs()) {
        form = form == null ? forms.get(input) : form;
        @Nullable Integer part = widths.get(input);
        width = width == 0 && part != null ? part : width;
      }
    }
    if (width == 0 && read != null && keepsWidth(vertex.kind())) {
      width = read;
    }
    learn(vertex.name(), form == null ? made(vertex) : form, width);
  }

  private @Nullable Form made(Vertex vertex) throws MalformedFileException {
    return switch (vertex.kind()) {
      case "LastTimeStep", "LastTimeStepVertex", "GlobalPoolingLayer" -> Form.VECTOR;
      case "ReverseTimeSeriesVertex", "RepeatVector" -> Form.SEQUENCE;
      case "MergeVertex", "ElementWiseVertex", "PreprocessorVertex" -> null;
      case "ScaleVertex", "ShiftVertex", "SubsetVertex" -> forms.get(vertex.inputs().get(0));
      default -> {
        String kind = vertex.isLayer() ? Dl4jGraph.kind(within(vertex.json())) : "";
        yield switch (kind) {
          case "LSTM",
              "GravesLSTM",
              "GravesBidirectionalLSTM",
              "SimpleRnn",
              "RnnOutputLayer",
              "RnnLossLayer",
              "EmbeddingSequenceLayer" ->
              Form.SEQUENCE;
          default -> null;
        };
      }
    };
  }

  // ---- time axes --------------------------------------------------------------------------------

  /** Inputs whose sequences are put together have one time axis. */
  private void axis(Vertex vertex) {
    boolean none =
        switch (vertex.kind()) {
          case "LastTimeStep", "LastTimeStepVertex", "GlobalPoolingLayer", "RepeatVector" -> true;
          default -> false;
        };
    List<String> read =
        vertex.kind().equals("DuplicateToTimeSeriesVertex")
            ? List.of(vertex.json().node().path("inputName").asText())
            : vertex.inputs();
    List<String> found = new ArrayList<>();
    for (String input : read) {
      @Nullable String axis = axes.get(input);
      if (axis != null && form(input) != Form.VECTOR && form(input) != Form.TOKEN) {
        found.add(axis);
      }
    }
    if (found.isEmpty() || none) {
      return;
    }
    String first = found.get(0);
    axes.replaceAll((value, axis) -> found.contains(axis) ? first : axis);
    axes.put(vertex.name(), first);
  }
}
