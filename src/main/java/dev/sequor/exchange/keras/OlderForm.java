package dev.sequor.exchange.keras;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sequor.exchange.files.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What Keras wrote of a model before version 3, in the form in which it writes it today: only so
 * far as the same thing was said in another way.
 */
final class OlderForm {
  /** What a model is called whose name is nowhere in the file. */
  private static final String SEQUENTIAL = "sequential";

  private static final Set<String> MODELS = Set.of("Sequential", "Functional", "Model");

  /** Operators of TensorFlow, by what Keras calls them. */
  private static final Map<String, String> OPERATORS =
      Map.of(
          "__operators__.add", "Add",
          "math.add", "Add",
          "math.subtract", "Subtract",
          "math.multiply", "Multiply",
          "__operators__.getitem", "GetItem");

  private OlderForm() {}

  /**
   * A model as Keras 3 has it.
   *
   * @param names of its layers; older files have those of models within a Sequential one only there
   */
  static JsonObject today(JsonObject model, List<String> names) {
    ObjectNode node = model.node().deepCopy();
    model(node, SEQUENTIAL, names);
    return new JsonObject(model.path(), model.where(), node);
  }

  private static void model(ObjectNode entry, String name, List<String> names) {
    // Before 2.2.3 a Sequential model was the list of its layers.
    if (entry.path("config") instanceof ArrayNode layers) {
      ObjectNode config = entry.putObject("config");
      config.put("name", entry.path("name").asText(name));
      config.set("layers", layers);
    }
    JsonNode config = entry.path("config");
    JsonNode layers = config.path("layers");
    for (int i = 0; i < layers.size(); i++) {
      layer(layers.get(i), i < names.size() ? names.get(i) : SEQUENTIAL);
    }
    JsonNode shape = config.path("build_input_shape");
    if (shape.isArray()
        && layers.path(0).path("config") instanceof ObjectNode first
        && !first.has("batch_input_shape")
        && !first.has("batch_shape")
        && !first.has("layers")) {
      first.set("batch_input_shape", shape);
    }
  }

  /**
   * A layer.
   *
   * @param name what it is called if it does not say so itself, as only models do not
   */
  private static void layer(JsonNode node, String name) {
    if (!(node instanceof ObjectNode entry)) {
      return;
    }
    String kind = entry.path("class_name").asText();
    if (MODELS.contains(kind)) {
      model(entry, name, List.of());
      return;
    }
    if (!(entry.path("config") instanceof ObjectNode config)) {
      return;
    }
    for (String inner : List.of("layer", "backward_layer", "cell")) {
      layer(config.path(inner), name);
    }
    config.path("cells").forEach(each -> layer(each, name));
    switch (kind) {
      // Before 2.1.5 there was no other.
      case "GRU", "GRUCell" -> {
        if (!config.has("reset_after")) {
          config.put("reset_after", false);
        }
      }
      case "CuDNNLSTM", "CuDNNGRU" -> {
        entry.put("class_name", kind.substring("CuDNN".length()));
        config.put("activation", "tanh").put("recurrent_activation", "sigmoid");
        if (kind.equals("CuDNNGRU")) {
          config.put("reset_after", true);
        }
      }
      case "TFOpLambda", "SlicingOpLambda" -> operator(entry, config.path("function").asText());
      default -> {}
    }
  }

  // ---- operators among layers -------------------------------------------------------------------

  /** An operator whose calls were lists of its first operand, with the second among its options. */
  private static void operator(ObjectNode entry, String function) {
    @Nullable String kind = OPERATORS.get(function);
    if (kind == null) {
      return;
    }
    ArrayNode calls = entry.arrayNode();
    for (JsonNode call : entry.path("inbound_nodes")) {
      JsonNode first = call.path(0).isArray() ? call.path(0) : call;
      JsonNode options = first.path(3);
      ArrayNode args = entry.arrayNode();
      args.add(
          first.path(0).asText().equals("_CONSTANT_VALUE")
              ? first.path(2)
              : argument(entry, first));
      args.add(argument(entry, options.path(kind.equals("GetItem") ? "slice_spec" : "y")));
      ObjectNode today = entry.objectNode();
      today.set("args", args);
      calls.add(today);
    }
    entry.put("class_name", kind);
    entry.put("module", "keras.src.ops.numpy");
    entry.set("inbound_nodes", calls);
  }

  private static JsonNode argument(ObjectNode maker, JsonNode node) {
    if (KerasArguments.listed(node) != null) {
      ObjectNode tensor = maker.objectNode().put("class_name", "__keras_tensor__");
      ArrayNode history = tensor.putObject("config").putArray("keras_history");
      for (int i = 0; i < 3; i++) {
        history.add(node.get(i));
      }
      return tensor;
    }
    if (node.isArray()) {
      ArrayNode list = maker.arrayNode();
      node.forEach(each -> list.add(argument(maker, each)));
      return list;
    }
    if (node.isObject() && node.has("start")) {
      ObjectNode slice = maker.objectNode().put("class_name", "__slice__");
      slice.set("config", node);
      return slice;
    }
    return node;
  }
}
