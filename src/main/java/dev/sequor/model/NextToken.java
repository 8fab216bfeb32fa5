package dev.sequor.model;

import dev.sequor.backend.Sizes;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Tokens;
import dev.sequor.module.NetworkState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a model of text foretold of a token from those before it.
 *
 * @param token the one that came
 * @param logProbability natural logarithm of the probability that it had
 * @param likeliest the tokens that the model gave most, the likeliest first
 */
public record NextToken(int token, double logProbability, List<Candidate> likeliest) {
  private static final int STEPS = 64;

  /** A token that might have come. */
  public record Candidate(int token, double probability) {}

  /** Copies the list. */
  public NextToken {
    likeliest = List.copyOf(likeliest);
  }

  /** The probability that the token had, 0…1. */
  public double probability() {
    return Math.exp(logProbability);
  }

  /** Its surprise, {@code −log₂} of its probability. */
  public double bits() {
    return -logProbability / Math.log(2);
  }

  /**
   * All tokens but the first, each from all before it, in inference.
   *
   * @param tokens at least two
   * @param most how many of the likeliest to tell, at least 1
   * @throws IllegalArgumentException naming the first argument that is out of range, or if the
   *     model does not predict tokens at every step or carries no state
   */
  public static List<NextToken> of(SequenceModel model, Tokens tokens, int most) {
    Sizes.atLeastOne("most", most);
    if (tokens.size() < 2) {
      throw new IllegalArgumentException(
          "the text holds " + tokens.size() + " tokens; needed at least 2");
    }
    if (!model.carriesState() || !model.spec().loss().function().takesClasses()) {
      throw new IllegalArgumentException(
          "the model does not predict each next token; needed one that does");
    }
    int[] all = tokens.toArray();
    int classes = model.spec().classes();
    // The logits of an adaptive softmax are worked out for one row at a time.
    int steps = AdaptiveOutput.isOf(model.spec()) ? 1 : STEPS;
    List<NextToken> foretold = new ArrayList<>();
    try (NetworkState state = model.newState(1)) {
      for (int from = 0; from < all.length - 1; from += steps) {
        int count = Math.min(steps, all.length - 1 - from);
        int[] read = Arrays.copyOfRange(all, from, from + count);
        TokenWindow window = new TokenWindow(count, 1, read, read, null, from == 0);
        float[] logits = model.infer(window, state).logits().readFloats();
        double[] logarithms = new double[classes];
        for (int t = 0; t < count; t++) {
          Outputs.logSoftmax(logits, t * classes, logarithms);
          foretold.add(of(all[from + t + 1], logarithms, most));
        }
      }
    }
    return foretold;
  }

  private static NextToken of(int token, double[] logarithms, int most) {
    List<Candidate> likeliest =
        IntStream.range(0, logarithms.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -logarithms[i]))
            .limit(most)
            .map(i -> new Candidate(i, Math.exp(logarithms[i])))
            .toList();
    return new NextToken(token, logarithms[token], likeliest);
  }
}
