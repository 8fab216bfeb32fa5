package dev.sequor.exchange.keras;

import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.NamedTensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Gives the weights of a model within a model to its layers. */
final class NestedWeights {
  private NestedWeights() {}

  /** How many tensors a layer has that are trained, and how many that are not. */
  private record Count(int trained, int fixed) {
    Count plus(Count other) {
      return new Count(trained + other.trained, fixed + other.fixed);
    }

    Count frozen(JsonObject config) throws MalformedFileException {
      return config.flag("trainable", true) ? this : new Count(0, trained + fixed);
    }
  }

  private static boolean isModel(JsonObject layer) throws MalformedFileException {
    return switch (layer.text("class_name")) {
      case "Sequential", "Functional", "Model" -> true;
      default -> false;
    };
  }

  /**
   * The layers of a model, each with its own weights.
   *
   * @param trainableFirst whether the file has all that are trained, of all layers, before those
   *     that are not, as HDF5 files do
   */
  static List<KerasLayer> of(KerasLayer model, boolean trainableFirst)
      throws MalformedFileException {
    List<JsonObject> layers = model.config().objects("layers");
    List<Count> counts = new ArrayList<>();
    Count all = new Count(0, 0);
    boolean frozen = !model.config().flag("trainable", true);
    for (JsonObject layer : layers) {
      Count count = count(layer);
      counts.add(frozen ? new Count(0, count.trained + count.fixed) : count);
      all = all.plus(counts.get(counts.size() - 1));
    }
    int total = all.trained + all.fixed;
    if (total != model.weights().size()) {
      throw new IllegalArgumentException(
          "has " + model.weights().size() + " tensors; its layers need " + total);
    }
    Deque<NamedTensor> trained = new ArrayDeque<>(model.weights());
    Deque<NamedTensor> fixed =
        trainableFirst ? new ArrayDeque<>(model.weights().subList(all.trained, total)) : trained;
    List<KerasLayer> given = new ArrayList<>();
    for (int i = 0; i < layers.size(); i++) {
      List<NamedTensor> its = new ArrayList<>();
      for (int j = 0; j < counts.get(i).trained; j++) {
        its.add(trained.pop());
      }
      for (int j = 0; j < counts.get(i).fixed; j++) {
        its.add(fixed.pop());
      }
      given.add(new KerasLayer(layers.get(i), its));
    }
    return given;
  }

  private static int flags(JsonObject config, String... names) throws MalformedFileException {
    int count = 0;
    for (String name : names) {
      count += config.flag(name, true) ? 1 : 0;
    }
    return count;
  }

  /** Of a layer as its class has them. */
  private static Count count(JsonObject layer) throws MalformedFileException {
    JsonObject config = layer.object("config");
    Count count = new Count(0, 0);
    if (isModel(layer)) {
      for (JsonObject each : config.objects("layers")) {
        count = count.plus(count(each));
      }
      return count.frozen(config);
    }
    if (layer.has("module") && layer.text("module").startsWith("keras.src.ops")) {
      return count;
    }
    return switch (layer.text("class_name")) {
      case "LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell" ->
          new Count(2 + flags(config, "use_bias"), 0).frozen(config);
      case "RNN" -> count(config.object("cell")).frozen(config);
      case "StackedRNNCells" -> {
        for (JsonObject cell : config.objects("cells")) {
          count = count.plus(count(cell));
        }
        yield count.frozen(config);
      }
      case "Bidirectional" -> {
        JsonObject forward = config.object("layer");
        JsonObject backward =
            config.has("backward_layer") ? config.object("backward_layer") : forward;
        yield count(forward).plus(count(backward)).frozen(config);
      }
      case "TimeDistributed" -> count(config.object("layer")).frozen(config);
      case "Dense" -> new Count(1 + flags(config, "use_bias"), 0).frozen(config);
      case "Embedding" -> new Count(1, 0).frozen(config);
      case "LayerNormalization" -> new Count(flags(config, "scale", "center"), 0).frozen(config);
      case "BatchNormalization" -> new Count(flags(config, "scale", "center"), 2).frozen(config);
      default -> count;
    };
  }
}
