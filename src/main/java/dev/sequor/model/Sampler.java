package dev.sequor.model;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.Philox;
import dev.sequor.rnn.RnnState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntPredicate;

/**
 * Writes sequences with a language model: reads the tokens to continue as one sequence, then draws
 * one token after another, each from the state that all before it left.
 */
public final class Sampler implements AutoCloseable {
  private final SequenceModel model;
  private final int vocabularySize;
  private final RnnState state;
  private final TokenDraw tokenDraw;
  private final ByteBuffer staging;
  private final int[] last = new int[1];

  /**
   * A sampler for {@code model}, which stays the caller's.
   *
   * @throws IllegalArgumentException if the model is bidirectional, does not read tokens, does not
   *     predict one of the same tokens at every step, or has another loss than softmax
   */
  public Sampler(SequenceModel model) {
    SequenceModelSpec spec = model.spec();
    require(!spec.bidirectional(), "is bidirectional", "a unidirectional one");
    require(spec.input().kind() != InputKind.DENSE, "reads real vectors", "one that reads tokens");
    require(
        spec.readout() == Readout.EVERY_STEP,
        "reads out the last step only",
        "an output at every step");
    require(
        spec.loss() == LossFunction.SOFTMAX_CROSS_ENTROPY,
        "has the loss " + spec.loss(),
        LossFunction.SOFTMAX_CROSS_ENTROPY.toString());
    this.vocabularySize = spec.input().vocabularySize();
    require(
        spec.outputSize() == vocabularySize,
        "reads " + vocabularySize + " tokens and predicts " + spec.outputSize(),
        "the same tokens");
    this.model = model;
    this.tokenDraw = new TokenDraw(vocabularySize);
    this.staging =
        ByteBuffer.allocateDirect(vocabularySize * Float.BYTES).order(ByteOrder.nativeOrder());
    this.state = model.newState(1);
  }

  private static void require(boolean holds, String what, String needed) {
    if (!holds) {
      throw new IllegalArgumentException(
          "the model " + what + "; sampling a sequence needs " + needed);
    }
  }

  /**
   * Continues {@code prime} by {@code length} tokens.
   *
   * @param prime the tokens to continue, at least one; not part of the result
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token, or {@code
   *     length} is negative
   */
  public int[] sample(int[] prime, int length, Sampling sampling) {
    if (length < 0) {
      throw new IllegalArgumentException("length is " + length + "; needed at least 0");
    }
    int[] drawn = new int[length];
    if (length == 0) {
      return drawn;
    }
    int[] count = {0};
    sample(
        prime,
        sampling,
        token -> {
          drawn[count[0]++] = token;
          return count[0] < length;
        });
    return drawn;
  }

  /**
   * Continues {@code prime} until {@code accept}, which gets each token as soon as it is drawn,
   * returns false. Token number {@code n} takes random number {@code n} of the seed.
   *
   * @param prime the tokens to continue, at least one
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token
   */
  public void sample(int[] prime, Sampling sampling, IntPredicate accept) {
    if (prime.length == 0) {
      throw new IllegalArgumentException("prime holds no token; needed at least 1 to continue");
    }
    state.zero();
    readLogits(model.forward(prime.length, 1, prime, null, state), prime.length - 1L);
    for (long n = 0; ; n++) {
      int word = Philox.word(sampling.seed(), Philox.Stream.SAMPLER.number(), 0, n);
      last[0] = tokenDraw.draw(sampling, word);
      if (!accept.test(last[0])) {
        return;
      }
      readLogits(model.forward(1, 1, last, null, state), 0);
    }
  }

  private void readLogits(Buffer outputs, long step) {
    staging.clear();
    model.backend().download(outputs.slice(step * vocabularySize, vocabularySize), staging);
    staging.asFloatBuffer().get(tokenDraw.logits());
  }

  /** Frees the carried state. */
  @Override
  public void close() {
    state.close();
  }
}
