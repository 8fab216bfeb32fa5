package dev.sequor.exchange.keras;

import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.NamedTensor;
import java.util.List;

/**
 * A layer of a model of Keras, as its file says it, or an operation that stands among its layers.
 *
 * @param json the whole entry: {@code class_name}, {@code config}, and in functional models {@code
 *     name} and {@code inbound_nodes}
 * @param weights in the order of Keras's {@code layer.weights}; of two directions those of the
 *     forward one first; of a model within the model those of all its layers. Their names are where
 *     they stand in the file
 */
record KerasLayer(JsonObject json, List<NamedTensor> weights) {
  KerasLayer {
    weights = List.copyOf(weights);
  }

  /** For example {@code LSTM}. */
  String className() throws MalformedFileException {
    return json.text("class_name");
  }

  /** What the layer was made with, for example {@code units}. */
  JsonObject config() throws MalformedFileException {
    return json.object("config");
  }

  /** For example {@code lstm_1}. */
  String name() throws MalformedFileException {
    return config().text("name");
  }
}
