package dev.sequor.model;

import dev.sequor.data.Window;

/** Measures a model's loss on data that it does not learn from. */
@SuppressWarnings("DoNotCallSuggester")
public final class Evaluator {
  private Evaluator() {}

  /**
   * The loss over {@code windows}, each of which resets or continues the state of the one before;
   * every valid row of every window counts once.
   */
  public static BatchLoss evaluate(SequenceModel model, Iterable<? extends Window> windows) {
    throw new UnsupportedOperationException();
  }

  /**
   * The loss of predicting each token but the first from those before it, over {@code streams}
   * contiguous parts that are read side by side, with carried state. With one stream every
   * prediction sees all tokens before it; more are faster, and the first predictions of each see
   * fewer.
   *
   * @param tokens at least two
   * @param timeSteps length of the windows; only memory and speed depend on it
   * @param streams at most the number of predictions, {@code tokens.length - 1}
   */
  public static BatchLoss evaluateText(
      SequenceModel model, int[] tokens, int timeSteps, int streams) {
    throw new UnsupportedOperationException();
  }
}
