package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Evaluator;
import dev.sequor.model.SequenceModel;

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

  /** The model of {@code checkpoint} on {@code backend}, with its weights, kept as asked for. */
  static SequenceModel of(Checkpoint checkpoint, Backend backend, WeightStorage weights) {
    SequenceModel model = new SequenceModel(backend, checkpoint.model(), 0, weights);
    try {
      model.load(checkpoint.snapshot().parameters());
      return model;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** The loss of each token of {@code tokens} but the first. */
  static BatchLoss evaluate(SequenceModel model, int[] tokens) {
    int streams = Math.max(1, Math.min(MAX_STREAMS, (tokens.length - 1) / STREAM_CHARACTERS));
    return Evaluator.evaluateText(model, tokens, EVALUATION_STEPS, streams);
  }
}
