package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.DataSpec;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Evaluator;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Sampler;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A trained model of text, ready to be used. */
final class TextModel {
  private static final int EVALUATION_STEPS = 64;
  private static final int MAX_STREAMS = 32;

  /**
   * Characters in one stream of an evaluation. Every stream starts knowing nothing, which costs the
   * first few dozen of its characters some bits; this keeps that to thousandths of a bit each.
   */
  private static final int STREAM_CHARACTERS = 1024;

  private static final int READ_AT_ONCE = 4096;

  private TextModel() {}

  /** {@code trained} on {@code backend}, its weights kept as asked for. */
  static SequenceModel of(TrainedModel trained, Backend backend, WeightStorage weights) {
    return SequenceModel.of(backend, trained.model(), trained.parameters(), weights);
  }

  /** Writes with {@code model}, but never the token that stands for all unknown words. */
  static Sampler sampler(SequenceModel model, Vocabulary vocabulary, int sequences) {
    int unknown = vocabulary.unknown();
    return new Sampler(model, sequences, unknown < 0 ? Set.of() : Set.of(unknown));
  }

  /** What a text begins after: a line feed, or the first token of a model that knows none. */
  static int[] newLine(Vocabulary vocabulary) {
    if (vocabulary instanceof CharacterVocabulary characters) {
      return new int[] {Math.max(0, characters.token('\n'))};
    }
    int token = vocabulary.encode("a line feed", "\n")[0];
    return new int[] {token == vocabulary.unknown() ? 0 : token};
  }

  /** How many of {@code tokens} stand for what the vocabulary does not know. */
  static long unknown(Vocabulary vocabulary, Tokens tokens) {
    long unknown = 0;
    int[] some = new int[READ_AT_ONCE];
    for (long at = 0; at < tokens.size() && vocabulary.unknown() >= 0; at += READ_AT_ONCE) {
      int count = (int) Math.min(READ_AT_ONCE, tokens.size() - at);
      tokens.copy(at, some, 0, count);
      unknown += Arrays.stream(some, 0, count).filter(t -> t == vocabulary.unknown()).count();
    }
    return unknown;
  }

  /**
   * The vocabulary of a model that reads and predicts its tokens one after another.
   *
   * @param directory where it is from
   * @throws IllegalArgumentException if it is another kind of model
   */
  static Vocabulary vocabulary(Path directory, ModelSpec model, @Nullable DataSpec data) {
    List<Network.Input> inputs = model.network().inputs();
    boolean predicts =
        inputs.size() == 1
            && inputs.get(0).shape() instanceof ValueShape.Tokens tokens
            && model.outputShape() instanceof ValueShape.Sequence
            && model.classes() == tokens.vocabularySize()
            && model.carriesState()
            && model.loss().function().takesClasses();
    if (data instanceof Vocabulary vocabulary && predicts) {
      return vocabulary;
    }
    throw new IllegalArgumentException(
        directory
            + ": the model "
            + (data instanceof Vocabulary known
                ? "does not predict each next " + known.unit()
                : "has no vocabulary")
            + "; needed a model of text");
  }

  /** The loss of each token of {@code tokens} but the first. */
  static BatchLoss evaluate(SequenceModel model, Tokens tokens) {
    int streams = (int) Math.max(1, Math.min(MAX_STREAMS, (tokens.size() - 1) / STREAM_CHARACTERS));
    return Evaluator.evaluateText(model, tokens, EVALUATION_STEPS, streams);
  }
}
