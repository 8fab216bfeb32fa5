package dev.sequor.exchange.dl4j;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Activation;
import dev.sequor.backend.Direction;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.Dropout;
import dev.sequor.module.Embedding;
import dev.sequor.module.LastStep;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.Pool;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.Sum;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.List;

/** What each class of layers is as modules. */
final class Dl4jLayers {
  private final NetworkDraft draft;
  private final Dl4jParameters parameters;
  private final Dl4jRecurrence recurrence;

  Dl4jLayers(NetworkDraft draft, Dl4jParameters parameters) {
    this.draft = draft;
    this.parameters = parameters;
    this.recurrence = new Dl4jRecurrence(draft, parameters);
  }

  /**
   * What a layer reads or gives.
   *
   * @param name the value in the draft
   * @param inRows whether the steps of all sequences are rows now, between preprocessors
   */
  record Value(String name, boolean inRows) {
    Value with(String other) {
      return new Value(other, inRows);
    }
  }

  static String name(JsonObject layer) throws MalformedFileException {
    return layer.has("layerName") ? layer.text("layerName") : "";
  }

  // ---- forms ------------------------------------------------------------------------------------

  private boolean isVector(Value x) {
    return draft.shape(x.name()) instanceof ValueShape.Vector;
  }

  private boolean isTokens(Value x) {
    return draft.shape(x.name()) instanceof ValueShape.Tokens;
  }

  void requireSequence(Value x) {
    if (!(draft.shape(x.name()) instanceof ValueShape.Sequence)) {
      throw new IllegalArgumentException("reads " + draft.shape(x.name()) + "; needed a sequence");
    }
    if (x.inRows()) {
      throw new IllegalArgumentException("reads the steps of all sequences as rows");
    }
  }

  void requireVectors(Value x) {
    if (!isVector(x) && !x.inRows()) {
      throw new IllegalArgumentException(
          "reads a sequence without a RnnToFeedForwardPreProcessor in front of it");
    }
  }

  /** What stands in front of a layer, or is a vertex of its own. */
  Value preprocessed(JsonObject preprocessor, Value x) throws MalformedFileException {
    String kind = Dl4jGraph.kind(preprocessor);
    switch (kind) {
      case "RnnToFeedForwardPreProcessor" -> {
        if (isVector(x)) {
          return x;
        }
        if (!isTokens(x)) {
          requireSequence(x);
        }
        return new Value(x.name(), true);
      }
      case "FeedForwardToRnnPreProcessor" -> {
        if (!x.inRows()) {
          throw new IllegalArgumentException(
              "has a FeedForwardToRnnPreProcessor in front of it that reads no rows of sequences");
        }
        return new Value(x.name(), false);
      }
      default ->
          throw new IllegalArgumentException(
              "has a " + kind + " in front of it, which is not supported");
    }
  }

  // ---- layers -----------------------------------------------------------------------------------

  Value apply(JsonObject layer, Value given) throws MalformedFileException {
    String kind = Dl4jGraph.kind(layer);
    if (layer.flag("hasLayerNorm", false)) {
      throw new IllegalArgumentException("has layer normalisation, which is not supported");
    }
    Value x = dropout(layer, given);
    return switch (kind) {
      case "LSTM", "GravesLSTM", "SimpleRnn", "Bidirectional", "GravesBidirectionalLSTM" -> {
        requireSequence(x);
        yield x.with(recurrence.sequences(layer, x.name()));
      }
      case "LastTimeStep" -> last(apply(layer.object("underlying"), x));
      case "RnnOutputLayer" -> {
        requireSequence(x);
        yield x.with(activated(layer, dense(layer, x)));
      }
      case "DenseLayer", "OutputLayer" -> {
        requireVectors(x);
        yield x.with(activated(layer, dense(layer, x)));
      }
      case "RnnLossLayer" -> {
        requireSequence(x);
        yield x.with(activated(layer, x.name()));
      }
      case "LossLayer", "ActivationLayer" -> x.with(activated(layer, x.name()));
      case "DropoutLayer" -> x;
      case "EmbeddingSequenceLayer" -> x.with(embedded(layer, x));
      case "EmbeddingLayer" -> embeddedOne(layer, x);
      case "GlobalPoolingLayer" -> pooled(layer, x);
      case "RepeatVector" -> repeated(layer, x);
      case "TimeDistributed" -> timeDistributed(layer, x);
      case "FrozenLayer" -> apply(layer.object("layer"), x);
      case "FrozenLayerWithBackprop" -> apply(layer.object("underlying"), x);
      default -> throw new IllegalArgumentException("is of a class that is not supported");
    };
  }

  /** What is dropped of what a layer reads; {@code p} is the probability of keeping there. */
  private Value dropout(JsonObject layer, Value x) throws MalformedFileException {
    if (!layer.has("idropout")) {
      return x;
    }
    JsonObject dropout = layer.object("idropout");
    JsonNode kept = dropout.node().path("p");
    boolean drops =
        Dl4jGraph.kind(dropout).equals("Dropout")
            && kept.isNumber()
            && kept.doubleValue() > 0
            && kept.doubleValue() < 1
            && !isTokens(x);
    return drops
        ? x.with(draft.add("dropout", new Dropout((float) (1 - kept.doubleValue())), x.name()))
        : x;
  }

  private String activated(JsonObject layer, String x) throws MalformedFileException {
    return Dl4jFunctions.add(draft, layer, x);
  }

  /** The last step, of both directions too, whichever way each has gone. */
  Value last(Value x) {
    requireSequence(x);
    return new Value(draft.add("last", new LastStep(Direction.FORWARD), x.name()), false);
  }

  private String dense(JsonObject layer, Value x) throws MalformedFileException {
    int in = layer.integer("nin", 1);
    int out = layer.integer("nout", 1);
    boolean bias = layer.flag("hasBias", true);
    List<Weights> weights = new ArrayList<>();
    // In order 'f' its columns are our rows.
    weights.add(Weights.of(parameters.take((long) in * out)));
    if (bias) {
      weights.add(Weights.of(parameters.take(out)));
    }
    return draft.add(
        name(layer), new Linear(in, out, Activation.NONE, bias), List.of(x.name()), weights);
  }

  private String embedded(JsonObject layer, Value x) throws MalformedFileException {
    if (!isTokens(x)) {
      throw new IllegalArgumentException(
          "reads " + draft.shape(x.name()) + "; needed an input of tokens");
    }
    int in = layer.integer("nin", 1);
    int out = layer.integer("nout", 1);
    float[] table = GateRows.transposed(parameters.take((long) in * out), out);
    String y =
        draft.add(
            name(layer), new Embedding(in, out), List.of(x.name()), List.of(Weights.of(table)));
    if (layer.flag("hasBias", false)) {
      String bias =
          draft.add(
              "bias",
              new LearnedVector(out),
              List.of(y),
              List.of(Weights.of(parameters.take(out))));
      y = draft.add(name(layer), new Sum(), y, bias);
    }
    return activated(layer, y);
  }

  /** Of one token a sequence, or of rows of such. */
  private Value embeddedOne(JsonObject layer, Value x) throws MalformedFileException {
    String y = embedded(layer, x);
    return x.inRows() ? x.with(y) : last(new Value(y, false));
  }

  private Value pooled(JsonObject layer, Value x) throws MalformedFileException {
    requireSequence(x);
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
    return new Value(draft.add("pooled", pool, x.name()), false);
  }

  private Value repeated(JsonObject layer, Value x) throws MalformedFileException {
    if (!isVector(x)) {
      throw new IllegalArgumentException(
          "repeats " + draft.shape(x.name()) + "; needed a vector a sequence");
    }
    String name = draft.newName(name(layer));
    draft.addNamed(
        name, new RepeatSteps(name, layer.integer("n", 1)), List.of(x.name()), List.of());
    return new Value(name, false);
  }

  private Value timeDistributed(JsonObject layer, Value x) throws MalformedFileException {
    requireSequence(x);
    JsonObject inner = layer.object("underlying");
    String kind = Dl4jGraph.kind(inner);
    switch (kind) {
      case "DenseLayer", "ActivationLayer", "DropoutLayer" -> {}
      default ->
          throw new IllegalArgumentException("has a " + kind + " in it, which is not supported");
    }
    return new Value(apply(inner, new Value(x.name(), true)).name(), false);
  }
}
