package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
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
          vocabulary,
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
          format, CheckpointConfig.VERSION, weights, model.now(), vocabulary);
    }
  }

  /** A sequence model. */
  record Model(
      InputSpec input,
      CellType cell,
      int hiddenSize,
      int layers,
      boolean bidirectional,
      float dropout,
      List<DenseSpec> denseLayers,
      int outputSize,
      Readout readout,
      Losses loss) {
    /** The losses there were. */
    enum Losses {
      SOFTMAX_CROSS_ENTROPY,
      BINARY_CROSS_ENTROPY,
      MEAN_SQUARED_ERROR
    }

    Model {
      denseLayers = List.copyOf(denseLayers);
      now(
          input,
          cell,
          hiddenSize,
          layers,
          bidirectional,
          dropout,
          denseLayers,
          outputSize,
          readout,
          loss);
    }

    private static SequenceModelSpec now(
        InputSpec input,
        CellType cell,
        int hiddenSize,
        int layers,
        boolean bidirectional,
        float dropout,
        List<DenseSpec> denseLayers,
        int outputSize,
        Readout readout,
        Losses loss) {
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
      return model.build();
    }

    SequenceModelSpec now() {
      return now(
          input,
          cell,
          hiddenSize,
          layers,
          bidirectional,
          dropout,
          denseLayers,
          outputSize,
          readout,
          loss);
    }
  }

  /** An update rule, with the constants of all rules. */
  record Update(
      Rule rule,
      float learningRate,
      float momentum,
      float beta1,
      float beta2,
      float epsilon,
      float weightDecay) {
    /** The rules there were. */
    enum Rule {
      SGD,
      ADAM,
      ADAMW
    }

    Update {
      now(rule, learningRate, momentum, beta1, beta2, epsilon, weightDecay);
    }

    private static Optimizer now(
        Rule rule,
        float learningRate,
        float momentum,
        float beta1,
        float beta2,
        float epsilon,
        float weightDecay) {
      return switch (rule) {
        case SGD -> new Optimizer.Sgd(learningRate, momentum, weightDecay);
        case ADAM -> new Optimizer.Adam(learningRate, beta1, beta2, epsilon, weightDecay);
        case ADAMW -> new Optimizer.AdamW(learningRate, beta1, beta2, epsilon, weightDecay);
      };
    }

    Optimizer now() {
      return now(rule, learningRate, momentum, beta1, beta2, epsilon, weightDecay);
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
