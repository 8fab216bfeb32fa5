package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Evaluator;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A trained model of characters, ready to be used. */
final class TextModel {
  private static final int EVALUATION_STEPS = 64;
  private static final int MAX_STREAMS = 32;

  /**
   * Characters in one stream of an evaluation. Every stream starts knowing nothing, which costs the
   * first few dozen of its characters some bits; this keeps that to thousandths of a bit each.
   */
  private static final int STREAM_CHARACTERS = 1024;

  private TextModel() {}

  /** {@code trained} on {@code backend}, its weights kept as asked for. */
  static SequenceModel of(TrainedModel trained, Backend backend, WeightStorage weights) {
    return SequenceModel.of(backend, trained.model(), trained.parameters(), weights);
  }

  /**
   * The characters of a model that reads and predicts them one after another.
   *
   * @param directory where it is from
   * @throws IllegalArgumentException if it is another kind of model
   */
  static CharacterVocabulary vocabulary(
      Path directory, ModelSpec model, @Nullable CharacterVocabulary vocabulary) {
    List<Network.Input> inputs = model.network().inputs();
    ValueShape output = model.outputShape();
    boolean predicts =
        inputs.size() == 1
            && inputs.get(0).shape() instanceof ValueShape.Tokens tokens
            && output instanceof ValueShape.Sequence
            && output.width() == tokens.vocabularySize()
            && model.carriesState()
            && model.loss().function().takesClasses();
    if (vocabulary == null || !predicts) {
      throw new IllegalArgumentException(
          directory
              + ": the model "
              + (vocabulary == null ? "has no vocabulary" : "does not predict each next character")
              + "; needed a model of text");
    }
    return vocabulary;
  }

  /** The loss of each token of {@code tokens} but the first. */
  static BatchLoss evaluate(SequenceModel model, int[] tokens) {
    int streams = Math.max(1, Math.min(MAX_STREAMS, (tokens.length - 1) / STREAM_CHARACTERS));
    return Evaluator.evaluateText(model, tokens, EVALUATION_STEPS, streams);
  }
}
