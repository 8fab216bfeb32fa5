package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.io.CheckpointConfig.StoredFile;
import dev.sequor.model.Clipping;
import dev.sequor.model.DenseSpec;
import dev.sequor.model.InputSpec;
import dev.sequor.model.LossScale;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerProgress;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.util.List;

/**
 * Version 1 of {@code config.json}, and what it is in the present version. It knew one kind of
 * model and one record for all optimisers, and kept no loss scale; the carried state was called
 * {@code state}.
 */
final class FirstVersion {
  static final int VERSION = 1;
  static final String STATE = "state";

  private FirstVersion() {}

  /** All of it. */
  record Config(
      String format,
      int version,
      StoredFile weights,
      StoredFile training,
      Model model,
      String vocabulary,
      Update optimizer,
      Clipping clipping,
      TrainerProgress progress,
      TrainingRun run) {
    CheckpointConfig now() {
      return new CheckpointConfig(
          format,
          CheckpointConfig.VERSION,
          weights,
          training,
          model.now(),
          EarlierVocabulary.data(vocabulary),
          optimizer.now(),
          clipping,
          progress,
          LossScale.none(),
          run);
    }
  }

  /** For whoever wants the model alone. */
  @JsonIgnoreProperties({"training", "optimizer", "clipping", "progress", "run"})
  record ModelPart(String format, int version, StoredFile weights, Model model, String vocabulary) {
    CheckpointConfig.ModelPart now() {
      return new CheckpointConfig.ModelPart(
          format,
          CheckpointConfig.VERSION,
          weights,
          model.now(),
          EarlierVocabulary.data(vocabulary));
    }
  }

  /** The losses there were. */
  private enum Losses {
    SOFTMAX_CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY,
    MEAN_SQUARED_ERROR
  }

  /** The update rules there were. */
  private enum Rule {
    SGD,
    ADAM,
    ADAMW
  }

  /** A sequence model, from the fields that it had. */
  record Model(SequenceModelSpec now) {
    @JsonCreator
    static Model of(
        @JsonProperty("input") InputSpec input,
        @JsonProperty("cell") CellType cell,
        @JsonProperty("hiddenSize") int hiddenSize,
        @JsonProperty("layers") int layers,
        @JsonProperty("bidirectional") boolean bidirectional,
        @JsonProperty("dropout") float dropout,
        @JsonProperty("denseLayers") List<DenseSpec> denseLayers,
        @JsonProperty("outputSize") int outputSize,
        @JsonProperty("readout") Readout readout,
        @JsonProperty("loss") Losses loss) {
      SequenceModelSpec.Builder model =
          SequenceModelSpec.builder(input, outputSize)
              .cell(cell)
              .hiddenSize(hiddenSize)
              .layers(layers)
              .bidirectional(bidirectional)
              .dropout(dropout)
              .readout(readout)
              .loss(
                  switch (loss) {
                    case SOFTMAX_CROSS_ENTROPY -> Loss.softmaxCrossEntropy();
                    case BINARY_CROSS_ENTROPY -> Loss.binaryCrossEntropy();
                    case MEAN_SQUARED_ERROR -> Loss.meanSquaredError();
                  });
      denseLayers.forEach(dense -> model.dense(dense.size(), dense.activation()));
      return new Model(model.build());
    }
  }

  /** An update rule, from the constants of all rules. */
  record Update(Optimizer now) {
    @JsonCreator
    static Update of(
        @JsonProperty("rule") Rule rule,
        @JsonProperty("learningRate") float learningRate,
        @JsonProperty("momentum") float momentum,
        @JsonProperty("beta1") float beta1,
        @JsonProperty("beta2") float beta2,
        @JsonProperty("epsilon") float epsilon,
        @JsonProperty("weightDecay") float weightDecay) {
      return new Update(
          switch (rule) {
            case SGD -> new Optimizer.Sgd(learningRate, momentum, weightDecay);
            case ADAM -> new Optimizer.Adam(learningRate, beta1, beta2, epsilon, weightDecay);
            case ADAMW -> new Optimizer.AdamW(learningRate, beta1, beta2, epsilon, weightDecay);
          });
    }
  }

  /** The carried state under its name of then. */
  static TensorShapes carriedState(TensorShapes now) {
    TensorShapes then = TensorShapes.none();
    for (List<Integer> shape : now.byName().values()) {
      then = then.and(TensorShapes.of(STATE, shape));
    }
    return then;
  }

  /** The same tensor under its name of now. */
  static NamedTensor renamed(NamedTensor tensor) {
    return tensor.name().equals(STATE)
        ? new NamedTensor(TensorShapes.STATE + "recurrent", tensor.shape(), tensor.values())
        : tensor;
  }
}
