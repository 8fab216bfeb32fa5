package dev.sequor.model;

import dev.sequor.backend.Loss;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Tokens;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.NetworkState;
import org.jspecify.annotations.Nullable;

/** Measures a model's loss on data that it does not learn from. */
public final class Evaluator {
  private Evaluator() {}

  /**
   * The loss over {@code windows}, each of which resets or continues the state of the one before;
   * every prediction of every window that counts is counted once.
   *
   * @throws IllegalArgumentException if a window does not fit the model, or continues another
   *     number of streams than the one before
   */
  public static BatchLoss evaluate(SequenceModel model, Iterable<? extends Window> windows) {
    return total(
        model,
        windows,
        new BatchLoss(0, 0),
        (window, state, sum) -> sum.plus(model.loss(window, state)));
  }

  /** Adds what comes of a window to what came of those before. */
  private interface Step<T> {
    T add(Window window, @Nullable NetworkState state, T sum);
  }

  /** What comes of all windows, each of which resets or continues the state of the one before. */
  private static <T> T total(
      SequenceModel model, Iterable<? extends Window> windows, T none, Step<T> step) {
    T total = none;
    NetworkState state = null;
    try {
      for (Window window : windows) {
        state = stateFor(model, window, state);
        total = step.add(window, state, total);
      }
    } finally {
      if (state != null) {
        state.close();
      }
    }
    return total;
  }

  /**
   * How many targets of {@code windows} are the class that a classifier or tagger finds likeliest;
   * what counts, and how windows continue each other, is as for {@link #evaluate}.
   *
   * @throws IllegalArgumentException if the model's loss is not of classes, or a window does not
   *     fit, as for {@link #evaluate}
   */
  public static Accuracy accuracy(SequenceModel model, Iterable<? extends Window> windows) {
    return total(
        model,
        windows,
        Accuracy.NONE,
        (window, state, sum) -> sum.plus(model.accuracy(window, state)));
  }

  /**
   * How often each class is a target of {@code windows}, is found likeliest, and both; otherwise as
   * {@link #accuracy}.
   *
   * @throws IllegalArgumentException as {@link #accuracy}
   */
  public static ClassCounts classCounts(SequenceModel model, Iterable<? extends Window> windows) {
    ClassCounts.Tally tally = new ClassCounts.Tally(model.spec().classes());
    return total(
            model,
            windows,
            tally,
            (window, state, sum) -> {
              model.answers(window, state, sum::take);
              return sum;
            })
        .counts();
  }

  /**
   * How far the outputs of a model of values are from the targets of {@code windows}; what counts,
   * and how windows continue each other, is as for {@link #evaluate}.
   *
   * @throws IllegalArgumentException if the model's loss is not the squared error, or a window does
   *     not fit, as for {@link #evaluate}
   */
  public static ValueErrors errors(SequenceModel model, Iterable<? extends Window> windows) {
    return total(
        model,
        windows,
        ValueErrors.NONE,
        (window, state, sum) -> sum.plus(model.errors(window, state)));
  }

  /**
   * How many labels of {@code windows} a model with a {@linkplain Loss.Ctc loss of label sequences}
   * gets wrong, if at every step its likeliest class is taken ({@link CtcDecoder#bestPath}); every
   * sequence with a target counts, those too that its steps are too few for.
   *
   * @throws IllegalArgumentException if the model has another loss, or a window does not fit it
   */
  public static LabelErrors labelErrors(SequenceModel model, Iterable<? extends Window> windows) {
    if (!(model.spec().loss() instanceof Loss.Ctc ctc)) {
      throw new IllegalArgumentException(
          "the model's loss is " + model.spec().loss().function() + "; needed CTC");
    }
    int outputs = model.spec().outputShape().width();
    return total(
        model,
        windows,
        LabelErrors.NONE,
        (window, state, sum) -> sum.plus(labelErrors(model, ctc, outputs, window, state)));
  }

  private static LabelErrors labelErrors(
      SequenceModel model, Loss.Ctc ctc, int outputs, Window window, @Nullable NetworkState state) {
    if (!(window.targetValues() instanceof Values.Labels labels)) {
      throw new IllegalArgumentException(
          "the targets of a window are no sequences of labels; needed those");
    }
    LabelTargets.requireCount(labels, window.batchSize());
    model.requireStateFor(window, state);
    if (state != null && window.resetState()) {
      state.zero();
    }
    ModelPass pass = model.infer(window, state);
    int[][] said =
        CtcDecoder.bestPath(
            pass.outputs().readFloats(),
            pass.timeSteps(),
            window.batchSize(),
            outputs,
            pass.outputLengths(),
            ctc.blank());
    LabelErrors errors = LabelErrors.NONE;
    for (int b = 0; b < said.length; b++) {
      int[] target = labels.of(b);
      if (target != null) {
        errors = errors.plus(LabelErrors.of(target, said[b]));
      }
    }
    return errors;
  }

  private static @Nullable NetworkState stateFor(
      SequenceModel model, Window window, @Nullable NetworkState state) {
    boolean fits = state != null && state.batchSize() == window.batchSize();
    if (!model.carriesState() || fits || !window.resetState()) {
      return state; // The model refuses to continue a state that does not fit.
    }
    if (state != null) {
      state.close();
    }
    return model.newState(window.batchSize());
  }

  /**
   * The loss of predicting each token but the first from those before it, over {@code streams}
   * contiguous parts that are read side by side, with carried state. With one stream every
   * prediction sees all tokens before it; more are faster, and the first predictions of each part
   * see fewer.
   *
   * @param tokens at least two
   * @param timeSteps length of the windows; only memory and speed depend on it
   * @param streams at most the number of predictions, {@code tokens.size() - 1}
   * @throws IllegalArgumentException naming the first argument that is out of range, or if the
   *     model is bidirectional or does not predict tokens at every step
   */
  public static BatchLoss evaluateText(
      SequenceModel model, Tokens tokens, int timeSteps, int streams) {
    long predictions = tokens.size() - 1;
    if (predictions < 1) {
      throw new IllegalArgumentException(
          "the text holds " + tokens.size() + " tokens; needed at least 2");
    }
    if (timeSteps < 1) {
      throw new IllegalArgumentException("timeSteps is " + timeSteps + "; needed at least 1");
    }
    if (streams < 1 || streams > predictions) {
      throw new IllegalArgumentException(
          "streams is " + streams + "; needed 1 to " + predictions + ", the predictions");
    }
    if (!model.carriesState()) {
      throw new IllegalArgumentException(
          "the model is bidirectional and sees the tokens that it should predict; needed a"
              + " unidirectional one");
    }
    long perStream = (predictions + streams - 1) / streams;
    int steps = (int) Math.min(timeSteps, perStream);
    BatchLoss total = new BatchLoss(0, 0);
    try (NetworkState state = model.newState(streams)) {
      for (long first = 0; first < perStream; first += steps) {
        total = total.plus(model.loss(window(tokens, steps, streams, perStream, first), state));
      }
    }
    return total;
  }

  /** The same of tokens in memory. */
  public static BatchLoss evaluateText(
      SequenceModel model, int[] tokens, int timeSteps, int streams) {
    return evaluateText(model, Tokens.of(tokens), timeSteps, streams);
  }

  /**
   * Steps {@code first} to {@code first + T - 1} of every stream; stream {@code b} makes the
   * predictions {@code b·perStream} to {@code (b+1)·perStream - 1}, as far as there are any.
   */
  private static TokenWindow window(
      Tokens tokens, int steps, int streams, long perStream, long first) {
    int[] run = new int[steps + 1];
    int[] inputs = new int[steps * streams];
    int[] targets = new int[steps * streams];
    int[] lengths = new int[streams];
    boolean full = true;
    for (int b = 0; b < streams; b++) {
      long begin = b * perStream;
      long end = Math.min(begin + perStream, tokens.size() - 1);
      int length = (int) Math.max(0, Math.min(steps, end - begin - first));
      if (length > 0) {
        tokens.copy(begin + first, run, 0, length + 1);
      }
      for (int t = 0; t < length; t++) {
        inputs[t * streams + b] = run[t];
        targets[t * streams + b] = run[t + 1];
      }
      lengths[b] = length;
      full &= length == steps;
    }
    return new TokenWindow(steps, streams, inputs, targets, full ? null : lengths, first == 0);
  }
}
