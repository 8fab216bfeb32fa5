package dev.sequor.exchange.dl4j;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The vertices of a network, in the order in which their parameters lie in the file, which is one
 * in which they can run. A {@code MultiLayerNetwork} is a row of them.
 *
 * @param inputs what the network is given
 * @param outputs the vertices whose values it gives
 */
record Dl4jGraph(List<String> inputs, List<String> outputs, List<Vertex> vertices) {
  /** What the only input of a row of layers is called. */
  static final String INPUT = "input";

  Dl4jGraph {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    vertices = List.copyOf(vertices);
  }

  /**
   * A vertex.
   *
   * @param name by which others read it
   * @param label how messages call it
   * @param kind the class of the layer, or of the vertex if it is none, without its package
   * @param json the layer, or the vertex
   * @param isLayer whether it is a layer
   * @param preprocessor what stands in front of the layer; null for nothing
   * @param inputs what it reads
   */
  record Vertex(
      String name,
      String label,
      String kind,
      JsonObject json,
      boolean isLayer,
      @Nullable JsonObject preprocessor,
      List<String> inputs) {
    Vertex {
      inputs = List.copyOf(inputs);
    }
  }

  /** The class of an object, without its package. */
  static String kind(JsonObject object) throws MalformedFileException {
    String name = object.text("@class");
    return name.substring(Math.max(name.lastIndexOf('.'), name.lastIndexOf('$')) + 1);
  }

  static Dl4jGraph of(Dl4jArchive archive) throws MalformedFileException {
    return archive.kind() == Dl4jArchive.Kind.GRAPH ? graph(archive) : row(archive);
  }

  // ---- a row of layers --------------------------------------------------------------------------

  private static Dl4jGraph row(Dl4jArchive archive) throws MalformedFileException {
    List<JsonObject> confs = archive.configuration().objects("confs");
    if (confs.isEmpty()) {
      throw archive.configuration().refused("confs", "at least one layer");
    }
    Map<String, JsonObject> preprocessors = preprocessors(archive.configuration(), confs.size());
    List<Vertex> vertices = new ArrayList<>();
    String before = INPUT;
    for (int i = 0; i < confs.size(); i++) {
      JsonObject layer = confs.get(i).object("layer");
      String name = layer.has("layerName") ? layer.text("layerName") : "";
      String number = String.valueOf(i);
      String label = "layer " + i + " '" + name + "' (" + kind(layer) + ")";
      vertices.add(
          new Vertex(
              number, label, kind(layer), layer, true, preprocessors.get(number), List.of(before)));
      before = number;
    }
    return new Dl4jGraph(List.of(INPUT), List.of(before), vertices);
  }

  /** What stands in front of layers, by the layer's number. */
  private static Map<String, JsonObject> preprocessors(JsonObject configuration, int layers)
      throws MalformedFileException {
    Map<String, JsonObject> found = new HashMap<>();
    if (configuration.has("inputPreProcessors")) {
      JsonObject all = configuration.object("inputPreProcessors");
      for (String number : all.names()) {
        if (!number.matches("[0-9]{1,6}") || Integer.parseInt(number) >= layers) {
          throw all.refused(number, "the number of a layer");
        }
        found.put(number, all.object(number));
      }
    }
    return found;
  }

  // ---- a graph ----------------------------------------------------------------------------------

  private static List<String> texts(JsonObject object, String name) throws MalformedFileException {
    List<String> texts = new ArrayList<>();
    JsonNode list = object.node().path(name);
    for (JsonNode each : list) {
      if (each.isTextual()) {
        texts.add(each.textValue());
      }
    }
    if (!list.isArray() || list.isEmpty() || texts.size() != list.size()) {
      throw object.refused(name, "a list of names");
    }
    return texts;
  }

  private static Dl4jGraph graph(Dl4jArchive archive) throws MalformedFileException {
    JsonObject configuration = archive.configuration();
    List<String> inputs = texts(configuration, "networkInputs");
    List<String> outputs = texts(configuration, "networkOutputs");
    JsonObject all = configuration.object("vertices");
    JsonObject reads = configuration.object("vertexInputs");
    Map<String, Vertex> vertices = new LinkedHashMap<>();
    for (String name : all.names()) {
      vertices.put(name, vertex(name, all.object(name), texts(reads, name)));
    }
    for (Vertex vertex : vertices.values()) {
      for (String read : vertex.inputs()) {
        if (!vertices.containsKey(read) && !inputs.contains(read)) {
          throw new IllegalArgumentException(
              vertex.label() + " reads '" + read + "', which nothing gives");
        }
      }
    }
    for (String output : outputs) {
      if (!vertices.containsKey(output)) {
        throw configuration.refused("networkOutputs", "names of vertices");
      }
    }
    boolean isSaid = configuration.has("topologicalOrderStr");
    List<String> order =
        isSaid
            ? new ArrayList<>(texts(configuration, "topologicalOrderStr"))
            : sorted(inputs, vertices);
    order.removeAll(inputs);
    List<Vertex> ordered = new ArrayList<>();
    Set<String> known = new HashSet<>(inputs);
    for (String name : order) {
      Vertex vertex = vertices.get(name);
      if (vertex == null || !known.containsAll(vertex.inputs()) || !known.add(name)) {
        throw configuration.refused("topologicalOrderStr", "each vertex after those that it reads");
      }
      ordered.add(vertex);
    }
    if (ordered.size() != vertices.size()) {
      throw new IllegalArgumentException(
          "has "
              + vertices.size()
              + " vertices, of which "
              + ordered.size()
              + " can run; the others wait for each other");
    }
    return new Dl4jGraph(inputs, outputs, ordered);
  }

  private static Vertex vertex(String name, JsonObject json, List<String> inputs)
      throws MalformedFileException {
    String kind = kind(json);
    if (!kind.equals("LayerVertex")) {
      return new Vertex(
          name, "vertex '" + name + "' (" + kind + ")", kind, json, false, null, inputs);
    }
    JsonObject layer = json.object("layerConf").object("layer");
    return new Vertex(
        name,
        "layer '" + name + "' (" + kind(layer) + ")",
        kind(layer),
        layer,
        true,
        json.has("preProcessor") ? json.object("preProcessor") : null,
        inputs);
  }

  /**
   * The order of files that do not say it. Parameters lie in it, so it has to be the very one of
   * Deeplearning4j: what has become free runs first come, first served, and of what becomes free at
   * once the order is that of a {@code HashSet} of its numbers there.
   */
  private static List<String> sorted(List<String> inputs, Map<String, Vertex> vertices) {
    List<String> names = new ArrayList<>(inputs);
    names.addAll(vertices.keySet());
    Map<String, Integer> numbers = new HashMap<>();
    names.forEach(name -> numbers.putIfAbsent(name, numbers.size()));
    Map<Integer, Set<Integer>> readers = new HashMap<>();
    Map<Integer, Set<Integer>> missing = new HashMap<>();
    for (Vertex vertex : vertices.values()) {
      Integer reader = Objects.requireNonNull(numbers.get(vertex.name()));
      for (String read : vertex.inputs()) {
        Integer number = Objects.requireNonNull(numbers.get(read));
        readers.computeIfAbsent(number, n -> new HashSet<>()).add(reader);
        missing.computeIfAbsent(reader, n -> new HashSet<>()).add(number);
      }
    }
    Deque<Integer> free = new ArrayDeque<>();
    for (int i = 0; i < inputs.size(); i++) {
      free.add(i);
    }
    List<String> order = new ArrayList<>();
    while (!free.isEmpty()) {
      Integer next = free.remove();
      order.add(names.get(next));
      for (Integer reader : readers.getOrDefault(next, Set.of())) {
        Set<Integer> still = Objects.requireNonNull(missing.get(reader));
        still.remove(next);
        if (still.isEmpty()) {
          free.add(reader);
        }
      }
    }
    return order;
  }
}
