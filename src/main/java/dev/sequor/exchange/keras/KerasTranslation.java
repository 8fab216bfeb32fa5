package dev.sequor.exchange.keras;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExchangedModel.Absent;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.exchange.keras.KerasArguments.Argument;
import dev.sequor.exchange.keras.KerasArguments.Reference;
import dev.sequor.exchange.keras.KerasValue.Filling;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.Affine;
import dev.sequor.module.ValueShape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes a network of a model: its layers in the order in which they can run, each once a call. */
final class KerasTranslation {
  /** Models within models may be called again and again; no real one comes near. */
  private static final int MOST_CALLS = 20_000;

  /** A layer that reads all steps of a sequence. */
  private record Use(String layer, String axis, boolean masked) {}

  /** Which steps of a time axis are not there. */
  private record Mask(KerasInput input, float value, String layer, boolean zeroes) {}

  final NetworkDraft draft = new NetworkDraft();
  final KerasFunctions functions;
  final boolean isKeras3;
  private final KerasArchive archive;
  private final SharedAxes sharedAxes;
  private final KerasLayers layers = new KerasLayers(this);
  private final Map<String, String> axes = new HashMap<>();
  private final Map<String, Mask> masks = new LinkedHashMap<>();
  private final List<Use> uses = new ArrayList<>();
  private int calls;

  KerasTranslation(KerasArchive archive, SharedAxes sharedAxes) {
    this.archive = archive;
    this.sharedAxes = sharedAxes;
    this.isKeras3 = archive.isToday();
    this.functions = new KerasFunctions(draft, isKeras3);
  }

  Path path() {
    return archive.path();
  }

  // ---- inputs ---------------------------------------------------------------------------------

  private static TensorType type(JsonObject config) throws MalformedFileException {
    String name = config.has("dtype") ? dtype(config) : "float32";
    return switch (name) {
      case "float16" -> TensorType.F16;
      case "bfloat16" -> TensorType.BF16;
      case "float64" -> TensorType.F64;
      case "int32" -> TensorType.I32;
      case "int64" -> TensorType.I64;
      case "uint8" -> TensorType.U8;
      case "int8" -> TensorType.I8;
      case "int16" -> TensorType.I16;
      case "uint16" -> TensorType.U16;
      case "uint32" -> TensorType.U32;
      default -> TensorType.F32;
    };
  }

  /** The name of a type, which may be a policy. */
  static String dtype(JsonObject config) throws MalformedFileException {
    return config.node().path("dtype").isObject()
        ? config.object("dtype").object("config").text("name")
        : config.text("dtype");
  }

  private KerasInput input(JsonObject config, String name) throws MalformedFileException {
    for (String flag : List.of("sparse", "ragged")) {
      if (config.flag(flag, false)) {
        throw config.refused(flag, "false");
      }
    }
    String key = config.has("batch_shape") ? "batch_shape" : "batch_input_shape";
    JsonNode shape = config.node().path(key);
    List<Integer> sizes = new ArrayList<>();
    boolean fits = shape.isArray() && (shape.size() == 2 || shape.size() == 3);
    for (JsonNode size : shape) {
      fits &= size.isNull() || (size.isInt() && size.intValue() > 0);
      sizes.add(size.isInt() ? size.intValue() : 0);
    }
    if (!fits) {
      throw config.refused(key, "two or three sizes");
    }
    return new KerasInput(name, type(config), sizes.get(0), sizes.subList(1, sizes.size()));
  }

  private static KerasValue unread(KerasInput input) {
    return new KerasValue("", input, 0, false, Filling.OWN);
  }

  /** The time axis of an input, which brings it if it is the first that has it. */
  private String axis(KerasInput input, String value) {
    return axes.computeIfAbsent(sharedAxes.group(input.name), group -> value);
  }

  /** A value as numbers. */
  KerasValue numbers(KerasValue value) {
    if (value.mask() != null) {
      throw new IllegalArgumentException("reads a mask as numbers, which is not supported");
    }
    KerasInput input = value.input();
    if (input == null) {
      return value;
    }
    int width = input.sizes.get(input.sizes.size() - 1);
    boolean sequence = input.sizes.size() == 2;
    if (width == 0) {
      throw new IllegalArgumentException(
          "reads the input '" + input.name + "', which does not say how many features it has");
    }
    if (input.value == null) {
      input.value = draft.newName(input.name);
      draft.input(
          input.value,
          sequence
              ? new ValueShape.Sequence(axis(input, input.value), width)
              : new ValueShape.Vector("", width));
    } else if (input.tokens) {
      throw new IllegalArgumentException(
          "reads the input '" + input.name + "' as numbers, which is one of tokens elsewhere");
    }
    return new KerasValue(
        input.value, input, sequence ? input.sizes.get(0) : 0, value.masked(), value.filling());
  }

  /** A value as tokens, which has to be an input. */
  KerasValue tokens(KerasValue value, int vocabularySize) {
    KerasInput input = value.input();
    if (input == null || input.sizes.size() != 1) {
      throw new IllegalArgumentException(
          "reads something that is no input of tokens, [batch, time]; needed one");
    }
    if (input.value == null) {
      input.value = draft.newName(input.name);
      input.tokens = true;
      draft.input(input.value, new ValueShape.Tokens(axis(input, input.value), vocabularySize));
    } else if (!(draft.shape(input.value) instanceof ValueShape.Tokens other)
        || other.vocabularySize() != vocabularySize) {
      throw new IllegalArgumentException(
          "reads the input '"
              + input.name
              + "' as tokens of a vocabulary of "
              + vocabularySize
              + ", which is "
              + draft.shape(input.value)
              + " elsewhere");
    }
    return new KerasValue(input.value, input, input.sizes.get(0), value.masked(), value.filling());
  }

  // ---- masks ----------------------------------------------------------------------------------

  /**
   * That steps of an input that are all {@code value} are not there for layers that heed it.
   *
   * @param zeroes whether such steps are made zeros
   */
  void mask(String layer, KerasInput input, float value, boolean zeroes) {
    String axis = draft.shape(Objects.requireNonNull(input.value)).axis();
    Mask mask = new Mask(input, value, layer, zeroes && value != 0);
    Mask before = masks.get(axis);
    if (before != null && (before.input() != input || before.value() != value)) {
      throw new IllegalArgumentException(
          "masks steps that layer '" + before.layer() + "' masks by something else");
    }
    if (before == null || mask.zeroes()) {
      masks.put(axis, mask);
    }
  }

  /** A value with a mask that the layer which reads it is given besides. */
  private KerasValue masked(KerasLayer layer, KerasValue value, KerasMask mask)
      throws MalformedFileException {
    KerasValue x = numbers(value);
    KerasInput input = mask.input();
    if (mask.kind() == KerasMask.Kind.ALL) {
      return x.masked(false);
    }
    if (mask.kind() != KerasMask.Kind.STEPS || input == null || input.value == null) {
      throw new IllegalArgumentException(
          label(layer) + " is given a mask that is none of an input's steps");
    }
    mask(layer.name(), input, mask.value(), false);
    String axis = draft.shape(x.name()).axis();
    String its = draft.shape(input.value).axis();
    if (!axis.equals(its)) {
      requireOneAxis(axis, its);
    }
    return x.masked(true);
  }

  /** That a layer reads all steps of a value, rather than one by one. */
  void reads(String layer, KerasValue value) {
    uses.add(new Use(layer, draft.shape(value.name()).axis(), value.masked()));
  }

  /** That a layer reads all steps, masked ones included, as Keras has them there. */
  void readsMasked(String layer, KerasValue value) {
    uses.add(new Use(layer, draft.shape(value.name()).axis(), false));
  }

  /** Forgets masks that nothing heeds; those that are left have to be heeded by all. */
  private void settleMasks() {
    masks
        .entrySet()
        .removeIf(
            entry ->
                !entry.getValue().zeroes()
                    && uses.stream()
                        .noneMatch(use -> use.masked() && use.axis().equals(entry.getKey())));
    for (Use use : uses) {
      Mask mask = masks.get(use.axis());
      if (mask != null && !use.masked()) {
        throw new IllegalArgumentException(
            use.layer()
                + " reads all steps, those that layer '"
                + mask.layer()
                + "' masks included, which is not supported");
      }
    }
    masks.values().forEach(mask -> mask.input().mask = mask.value());
  }

  /** Values that are to be put together, along one axis if they are sequences. */
  void requireOneAxis(List<KerasValue> values) {
    String first = draft.shape(values.get(0).name()).axis();
    for (KerasValue value : values) {
      String axis = draft.shape(value.name()).axis();
      boolean both =
          draft.shape(value.name()) instanceof ValueShape.Sequence
              && draft.shape(values.get(0).name()) instanceof ValueShape.Sequence;
      if (both && !axis.equals(first)) {
        requireOneAxis(first, axis);
      }
    }
  }

  /** Two axes that are different so far. */
  private void requireOneAxis(String first, String second) {
    String one = groupOf(first);
    String other = groupOf(second);
    if (one == null || other == null) {
      throw new IllegalArgumentException(
          "puts sequences together that have time axes of their own");
    }
    throw new SharedAxes.Found(one, other);
  }

  private @Nullable String groupOf(String axis) {
    return axes.entrySet().stream()
        .filter(entry -> entry.getValue().equals(axis))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(null);
  }

  // ---- models ---------------------------------------------------------------------------------

  /** How a layer is called in messages. */
  static String label(KerasLayer layer) throws MalformedFileException {
    return "layer '" + layer.name() + "' (" + layer.className() + ")";
  }

  ExchangedModel model() throws IOException {
    JsonObject config = archive.json().object("config");
    List<KerasInput> inputs = new ArrayList<>();
    List<KerasValue> given = new ArrayList<>();
    boolean sequential = archive.json().text("class_name").equals("Sequential");
    for (JsonObject layer : inputLayers(config, sequential)) {
      JsonObject its = layer.object("config");
      KerasInput input = input(its, its.text("name"));
      inputs.add(input);
      given.add(unread(input));
    }
    List<Made> made = run(archive.json(), archive.layers(), given);
    return finish(inputs, made);
  }

  private static boolean isModel(String className) {
    return switch (className) {
      case "Sequential", "Functional", "Model" -> true;
      default -> false;
    };
  }

  /** What the layers of a model say of its inputs, in the order of these. */
  private List<JsonObject> inputLayers(JsonObject config, boolean sequential)
      throws MalformedFileException {
    List<JsonObject> all = config.objects("layers");
    if (all.isEmpty()) {
      throw config.refused("layers", "at least one layer");
    }
    if (sequential) {
      JsonObject first = all.get(0);
      return isModel(first.text("class_name"))
          ? inputLayers(first.object("config"), first.text("class_name").equals("Sequential"))
          : List.of(first);
    }
    List<JsonObject> found = new ArrayList<>();
    for (Reference input : references(config, "input_layers")) {
      found.add(
          all.stream()
              .filter(layer -> layer.node().path("name").asText().equals(input.layer()))
              .filter(layer -> layer.node().path("class_name").asText().equals("InputLayer"))
              .findFirst()
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "there is no InputLayer '" + input.layer() + "'")));
    }
    return found;
  }

  /** One tensor, a list of such, or such by name. */
  private static List<Reference> references(JsonObject config, String name)
      throws MalformedFileException {
    JsonNode node = config.node().path(name);
    Reference one = KerasArguments.listed(node);
    if (one != null) {
      return List.of(one);
    }
    List<Reference> found = new ArrayList<>();
    for (JsonNode each : node) {
      Reference reference = KerasArguments.listed(each);
      if (reference == null) {
        throw config.refused(name, "a list of [layer, node, tensor]");
      }
      found.add(reference);
    }
    if (found.isEmpty()) {
      throw config.refused(name, "a list of [layer, node, tensor]");
    }
    return found;
  }

  /** An output of a model, and what it is called. */
  private record Made(String name, KerasValue value) {}

  private List<Made> run(JsonObject model, List<KerasLayer> all, List<KerasValue> given)
      throws IOException {
    return model.text("class_name").equals("Sequential")
        ? sequential(all, given)
        : functional(model.object("config"), all, given);
  }

  /** A model that is called as a layer. */
  List<KerasValue> nested(KerasLayer layer, List<KerasValue> given) throws IOException {
    List<KerasLayer> inner = NestedWeights.of(layer, archive.trainableFirst());
    return run(layer.json(), inner, given).stream().map(Made::value).toList();
  }

  private List<Made> sequential(List<KerasLayer> all, List<KerasValue> given) throws IOException {
    if (given.size() != 1) {
      throw new IllegalArgumentException(
          "a Sequential model is given " + given.size() + " inputs; needed 1");
    }
    List<KerasValue> values = given;
    String name = "output";
    for (KerasLayer layer : all) {
      if (!layer.className().equals("InputLayer")) {
        if (values.size() != 1) {
          throw new IllegalArgumentException(
              label(layer) + " is given " + values.size() + " tensors; needed 1");
        }
        values = call(layer, KerasCall.of(values));
        name = layer.name();
      }
    }
    return named(List.of(values), List.of(name));
  }

  private static List<Made> named(List<List<KerasValue>> values, List<String> names) {
    List<Made> made = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      for (int j = 0; j < values.get(i).size(); j++) {
        String name = names.get(i) + (j == 0 ? "" : ":" + j);
        made.add(new Made(name, values.get(i).get(j)));
      }
    }
    return made;
  }

  /** A call of a layer that waits for what it reads. */
  private record Waiting(KerasLayer layer, int node, KerasArguments arguments) {
    String key() throws MalformedFileException {
      return entryName(layer) + "\n" + node;
    }
  }

  /** The name that others refer to it by. */
  private static String entryName(KerasLayer layer) throws MalformedFileException {
    return layer.json().has("name") ? layer.json().text("name") : layer.name();
  }

  private List<Made> functional(JsonObject config, List<KerasLayer> all, List<KerasValue> given)
      throws IOException {
    Map<String, List<KerasValue>> known = new HashMap<>();
    List<Reference> inputs = references(config, "input_layers");
    if (inputs.size() != given.size()) {
      throw new IllegalArgumentException(
          "a model is given " + given.size() + " inputs; needed " + inputs.size());
    }
    List<Waiting> calls = new ArrayList<>();
    for (KerasLayer layer : all) {
      JsonNode nodes = layer.json().node().path("inbound_nodes");
      if (!nodes.isArray()) {
        throw layer.json().refused("inbound_nodes", "a list");
      }
      for (int i = 0; i < nodes.size() && !layer.className().equals("InputLayer"); i++) {
        calls.add(waiting(layer, i, nodes.get(i)));
      }
    }
    List<Reference> outputs = references(config, "output_layers");
    Map<String, Waiting> waiting = new LinkedHashMap<>();
    for (Waiting call : isKeras3 ? calls : countedAnew(calls, outputs)) {
      if (waiting.put(call.key(), call) != null) {
        throw new IllegalArgumentException(
            "there are two layers '" + entryName(call.layer()) + "'");
      }
    }
    for (int i = 0; i < given.size(); i++) {
      known.put(inputs.get(i).layer() + "\n" + inputs.get(i).node(), List.of(given.get(i)));
    }
    Map<String, List<Waiting>> readers = new HashMap<>();
    Map<String, Set<String>> missing = new HashMap<>();
    Deque<Waiting> ready = new ArrayDeque<>();
    order(waiting, known.keySet(), readers, missing, ready);
    while (!ready.isEmpty()) {
      Waiting next = ready.pop();
      known.put(next.key(), call(next, known));
      waiting.remove(next.key());
      for (Waiting reader : readers.getOrDefault(next.key(), List.of())) {
        Set<String> still = Objects.requireNonNull(missing.get(reader.key()));
        if (still.remove(next.key()) && still.isEmpty()) {
          ready.add(reader);
        }
      }
    }
    if (!waiting.isEmpty()) {
      throw new IllegalArgumentException(
          label(waiting.values().iterator().next().layer())
              + " waits for what waits for it: its inbound_nodes go round in a circle");
    }
    List<Made> made = new ArrayList<>();
    for (Reference output : outputs) {
      String name = output.layer() + (output.tensor() == 0 ? "" : ":" + output.tensor());
      made.add(new Made(name, value(output, known, "the model")));
    }
    return made;
  }

  /**
   * Calls with the numbers that others know them by: before Keras 3 the first of a model within was
   * that by which it was made, if it was made with inputs, and that one is not in the file.
   */
  private static List<Waiting> countedAnew(List<Waiting> calls, List<Reference> outputs)
      throws MalformedFileException {
    Set<String> fromZero = new HashSet<>();
    outputs.stream().filter(each -> each.node() == 0).forEach(each -> fromZero.add(each.layer()));
    for (Waiting call : calls) {
      for (Reference reference : call.arguments().tensors()) {
        if (reference.node() == 0) {
          fromZero.add(reference.layer());
        }
      }
    }
    List<Waiting> counted = new ArrayList<>();
    for (Waiting call : calls) {
      boolean skipped =
          isModel(call.layer().className()) && !fromZero.contains(entryName(call.layer()));
      counted.add(skipped ? new Waiting(call.layer(), call.node() + 1, call.arguments()) : call);
    }
    return counted;
  }

  private static Waiting waiting(KerasLayer layer, int node, JsonNode json)
      throws MalformedFileException {
    try {
      return new Waiting(layer, node, KerasArguments.of(json));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(label(layer) + " " + e.getMessage(), e);
    }
  }

  private static String key(Reference reference) {
    return reference.layer() + "\n" + reference.node();
  }

  private static void order(
      Map<String, Waiting> waiting,
      Set<String> known,
      Map<String, List<Waiting>> readers,
      Map<String, Set<String>> missing,
      Deque<Waiting> ready)
      throws MalformedFileException {
    for (Waiting call : waiting.values()) {
      Set<String> needed = new LinkedHashSet<>();
      for (Reference reference : call.arguments().tensors()) {
        String key = key(reference);
        if (!known.contains(key) && !waiting.containsKey(key)) {
          throw new IllegalArgumentException(
              label(call.layer()) + " reads " + reference + ", which nothing gives");
        }
        if (!known.contains(key) && needed.add(key)) {
          readers.computeIfAbsent(key, unused -> new ArrayList<>()).add(call);
        }
      }
      missing.put(call.key(), needed);
      if (needed.isEmpty()) {
        ready.add(call);
      }
    }
  }

  private static KerasValue value(
      Reference reference, Map<String, List<KerasValue>> known, String reader) {
    List<KerasValue> values = known.get(key(reference));
    if (values == null || reference.tensor() < 0 || reference.tensor() >= values.size()) {
      throw new IllegalArgumentException(reader + " reads " + reference + ", which nothing gives");
    }
    return values.get(reference.tensor());
  }

  private List<KerasValue> call(Waiting waiting, Map<String, List<KerasValue>> known)
      throws IOException {
    String label = label(waiting.layer());
    KerasArguments arguments = waiting.arguments();
    List<KerasValue> inputs = new ArrayList<>();
    List<KerasValue> states = new ArrayList<>();
    List<Argument> operands = new ArrayList<>();
    boolean isMasked = false;
    for (int i = 0; i < arguments.positional().size(); i++) {
      Argument argument = arguments.positional().get(i);
      for (Reference reference : argument.tensors()) {
        (i == 0 ? inputs : states).add(value(reference, known, label));
      }
      operands.add(argument);
    }
    for (Map.Entry<String, Argument> each : arguments.named().entrySet()) {
      Argument argument = each.getValue();
      boolean isOff =
          argument.isNull()
              || (each.getKey().equals("training")
                  && argument.constant() != null
                  && argument.constant().isBoolean()
                  && !argument.constant().booleanValue());
      if (each.getKey().equals("initial_state")) {
        for (Reference reference : argument.tensors()) {
          states.add(value(reference, known, label));
        }
      } else if (each.getKey().equals("mask") && argument.tensor() != null) {
        KerasMask mask = value(argument.tensor(), known, label).mask();
        if (mask == null || inputs.isEmpty()) {
          throw new IllegalArgumentException(
              label + " is given a mask that is computed by more than a comparison");
        }
        inputs.set(0, masked(waiting.layer(), inputs.get(0), mask));
        isMasked = true;
      } else if (!isOff) {
        throw new IllegalArgumentException(
            label + " is called with '" + each.getKey() + "', which is not supported");
      }
    }
    return call(waiting.layer(), new KerasCall(inputs, states, operands, isMasked));
  }

  private List<KerasValue> call(KerasLayer layer, KerasCall call) throws IOException {
    if (++calls > MOST_CALLS) {
      throw new IllegalArgumentException(
          "the model calls its layers more than " + MOST_CALLS + " times");
    }
    try {
      return layers.apply(layer, call);
    } catch (IllegalArgumentException | ArithmeticException | IndexOutOfBoundsException e) {
      String message = String.valueOf(e.getMessage());
      // What comes of a layer within says its own.
      throw message.startsWith("layer '")
          ? new IllegalArgumentException(message, e)
          : new IllegalArgumentException(label(layer) + " " + message, e);
    }
  }

  // ---- the end --------------------------------------------------------------------------------

  private ExchangedModel finish(List<KerasInput> inputs, List<Made> made) {
    settleMasks();
    List<ExchangedModel.Output> outputs = new ArrayList<>();
    List<String> values = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (Made each : made) {
      String name = made.size() == 1 ? "output" : each.name();
      // Of a layer that is called twice both may be outputs.
      for (int i = 1; !names.add(name); i++) {
        name = each.name() + "_" + i;
      }
      KerasValue value = numbers(each.value());
      String node =
          value.input() == null
              ? value.name()
              : draft.add(each.name(), new Affine(1, 0), value.name());
      ValueShape shape = draft.shape(node);
      boolean sequence = shape instanceof ValueShape.Sequence;
      Mask mask = sequence ? masks.get(shape.axis()) : null;
      if (mask != null && value.filling() == Filling.OWN) {
        throw new IllegalArgumentException(
            "the output '"
                + each.name()
                + "' holds steps that layer '"
                + mask.layer()
                + "' masks, and something of their own at them, which is not supported");
      }
      int width = shape.width();
      values.add(node);
      outputs.add(
          new ExchangedModel.Output(
              name,
              sequence ? TensorLayout.batchFirst(width) : TensorLayout.vectors(width),
              node,
              false,
              value.filling() == Filling.AT_REST ? Absent.AT_REST : Absent.REPEATED));
    }
    List<ExchangedModel.Input> taken = new ArrayList<>();
    for (KerasInput input : inputs) {
      if (input.value == null) {
        throw new IllegalArgumentException(
            "input '" + input.name + "' is read by nothing; needed inputs that matter");
      }
      taken.add(
          new ExchangedModel.Input(
              input.name, input.type(), input.layout(), input.value, false, input.mask));
    }
    NetworkDraft.Finished finished = draft.finish(values);
    for (int i = 0; i < outputs.size(); i++) {
      outputs.set(i, outputs.get(i).of(finished.outputs().get(i)));
    }
    return new ExchangedModel(finished.network(), finished.parameters(), taken, outputs);
  }
}
