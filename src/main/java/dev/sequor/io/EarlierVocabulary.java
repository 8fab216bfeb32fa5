package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import dev.sequor.io.CheckpointConfig.StoredFile;
import dev.sequor.model.Clipping;
import dev.sequor.model.LossScale;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.TrainerProgress;

/**
 * {@code config.json} of version 2 as it was while characters were all that a model could have: a
 * string of them under {@code vocabulary}, empty for a model without, in place of {@code data}.
 */
final class EarlierVocabulary {
  static final String FIELD = "vocabulary";

  private EarlierVocabulary() {}

  /** All of it. */
  record Config(
      String format,
      int version,
      StoredFile weights,
      StoredFile training,
      ModelSpec model,
      String vocabulary,
      Optimizer optimizer,
      Clipping clipping,
      TrainerProgress progress,
      LossScale lossScale,
      @CheckpointConfig.RunTypes RunState run) {
    CheckpointConfig now() {
      return new CheckpointConfig(
          format,
          version,
          weights,
          training,
          model,
          data(vocabulary),
          optimizer,
          clipping,
          progress,
          lossScale,
          run);
    }
  }

  /** For whoever wants the model alone. */
  @JsonIgnoreProperties({"training", "optimizer", "clipping", "progress", "lossScale", "run"})
  record ModelPart(
      String format, int version, StoredFile weights, ModelSpec model, String vocabulary) {
    CheckpointConfig.ModelPart now() {
      return new CheckpointConfig.ModelPart(format, version, weights, model, data(vocabulary));
    }
  }

  /** What is stored in its place now. */
  static StoredData data(String vocabulary) {
    return vocabulary.isEmpty() ? new StoredData.None() : new StoredData.Characters(vocabulary);
  }
}
