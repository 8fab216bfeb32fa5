package dev.sequor.exchange.keras;

import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.NamedTensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds the weights of a {@code .keras} file. They lie at paths that Keras makes of attributes and
 * of places in lists, never of the layers' names: {@code layers/lstm_1} is the second of the
 * model's layers whose class is LSTM, {@code cell} in it an attribute of such a layer, {@code
 * vars/0} the first variable that the cell itself has.
 */
final class KerasWeights {
  /** Python's {@code \W}. */
  private static final Pattern NO_WORD = Pattern.compile("\\W+", Pattern.UNICODE_CHARACTER_CLASS);

  private static final Pattern WORD = Pattern.compile("(.)([A-Z][a-z]+)");
  private static final Pattern CAPITAL = Pattern.compile("([a-z])([A-Z])");

  private final Path path;
  private final Hdf5File.Group root;

  KerasWeights(Path path, Hdf5File.Group root) {
    this.path = path;
    this.root = root;
  }

  /** The layers of a model with their weights. */
  List<KerasLayer> of(JsonObject model) throws MalformedFileException {
    // What TensorFlow 2.12 called them.
    String older = "_layer_checkpoint_dependencies";
    String container = root.find(older) == null ? "layers" : older;
    List<KerasLayer> layers = new ArrayList<>();
    List<JsonObject> entries = model.object("config").objects("layers");
    Places places = new Places(container);
    for (JsonObject entry : entries) {
      layers.add(new KerasLayer(entry, at(places, entry)));
    }
    return layers;
  }

  /** A list that Keras saves: its items are told apart by their class and their turn. */
  private static final class Places {
    private final String container;
    private final Map<String, Integer> turns = new HashMap<>();

    Places(String container) {
      this.container = container;
    }

    String next(String className) {
      String name = snakeCase(className);
      int turn = turns.merge(name, 1, Integer::sum) - 1;
      return container + "/" + (turn == 0 ? name : name + "_" + turn);
    }
  }

  /** {@code lstm} of LSTM, {@code simple_rnn} of SimpleRNN, {@code lstm_cell} of LSTMCell. */
  static String snakeCase(String className) {
    String words = NO_WORD.matcher(className).replaceAll("");
    words = WORD.matcher(words).replaceAll("$1_$2");
    return CAPITAL.matcher(words).replaceAll("$1_$2").toLowerCase(Locale.ROOT);
  }

  /** The weights of the next of a list's layers. */
  private List<NamedTensor> at(Places places, JsonObject layer) throws MalformedFileException {
    if (layer.has("module") && layer.text("module").startsWith("keras.src.ops")) {
      return List.of(); // an operation, which is not among what Keras calls layers
    }
    String place = places.next(layer.text("class_name"));
    Hdf5File.@Nullable Group group = root.find(place);
    if (group == null) { // an input, or a layer that is saved elsewhere
      return List.of();
    }
    requireNamed(place, layer);
    return of(place, layer);
  }

  /** Keras has written down beside the variables whose they are, since 3.7 or so. */
  private void requireNamed(String place, JsonObject layer) throws MalformedFileException {
    Hdf5File.@Nullable Group variables = root.find(place + "/vars");
    String is = variables == null ? null : variables.text("name");
    String needed = layer.object("config").text("name");
    if (is != null && !is.equals(needed)) {
      throw new MalformedFileException(
          path,
          "has the weights of layer '"
              + is
              + "' at '"
              + place
              + "'; needed those of '"
              + needed
              + "'");
    }
  }

  private List<NamedTensor> of(String place, JsonObject layer) throws MalformedFileException {
    JsonObject config = layer.object("config");
    List<NamedTensor> weights = new ArrayList<>();
    switch (layer.text("class_name")) {
      case "Sequential", "Functional", "Model" -> {
        Places inner = new Places(place + "/layers");
        for (JsonObject each : config.objects("layers")) {
          weights.addAll(at(inner, each));
        }
      }
      case "Bidirectional" -> {
        JsonObject forward = config.object("layer");
        weights.addAll(of(place + "/forward_layer", forward));
        weights.addAll(
            of(
                place + "/backward_layer",
                config.has("backward_layer") ? config.object("backward_layer") : forward));
      }
      case "TimeDistributed" -> weights.addAll(of(place + "/layer", config.object("layer")));
      case "LSTM", "GRU", "SimpleRNN" -> weights.addAll(variables(place + "/cell"));
      case "RNN" -> weights.addAll(of(place + "/cell", config.object("cell")));
      case "StackedRNNCells" -> {
        Places inner = new Places(place + "/cells");
        for (JsonObject each : config.objects("cells")) {
          weights.addAll(at(inner, each));
        }
      }
      default -> weights.addAll(variables(place));
    }
    return weights;
  }

  /** What an object has itself, by number. */
  private List<NamedTensor> variables(String place) throws MalformedFileException {
    Hdf5File.@Nullable Group variables = root.find(place + "/vars");
    List<NamedTensor> tensors = new ArrayList<>();
    if (variables != null) {
      List<String> names = variables.names();
      for (int i = 0; i < names.size(); i++) {
        String name = String.valueOf(i);
        if (!names.contains(name)) {
          throw new MalformedFileException(
              path, "has weights " + names + " at '" + place + "'; needed them by number");
        }
        NamedTensor tensor = variables.tensor(name);
        tensors.add(new NamedTensor(place + "/vars/" + name, tensor.shape(), tensor.values()));
      }
    }
    return tensors;
  }
}
