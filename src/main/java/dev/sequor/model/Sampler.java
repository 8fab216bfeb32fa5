package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.DrawShape;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.StepInput;
import dev.sequor.rnn.RnnState;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Writes sequences with a language model: reads the tokens to continue as one sequence, then draws
 * one token after another, each from the state that all before it left.
 */
public final class Sampler implements AutoCloseable {
  /**
   * Tokens that a device draws before the host looks at them: enough that their launch costs
   * little, few enough that not many are drawn in vain.
   */
  private static final int CHUNK = 32;

  private final SequenceModel model;
  private final int vocabularySize;
  private final RnnState state;

  /** The tokens of one chunk. */
  private final Buffer drawn;

  /** The random key of a chunk, and then the number of its first token. */
  private final Buffer random;

  private final ByteBuffer randomStaging = Backend.hostMemory(DType.INT32, RandomKey.ELEMENTS + 2);

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
    this.state = model.newState(1);
    int chunk = model.backend().isAsynchronous() ? CHUNK : 1;
    try {
      this.drawn = model.backend().allocate(DType.INT32, chunk);
    } catch (RuntimeException | Error e) {
      state.close();
      throw e;
    }
    try {
      this.random = model.backend().allocate(DType.INT32, RandomKey.ELEMENTS + 2);
    } catch (RuntimeException | Error e) {
      drawn.close();
      state.close();
      throw e;
    }
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
    for (int i = 0; i < prime.length; i++) {
      if (prime[i] < 0 || prime[i] >= vocabularySize) {
        throw new IllegalArgumentException(
            "token "
                + i
                + " of prime is "
                + prime[i]
                + "; a vocabulary of "
                + vocabularySize
                + " needs 0 to "
                + (vocabularySize - 1));
      }
    }
    state.zero();
    int last = prime.length - 1;
    if (last > 0) {
      model.forward(last, 1, Arrays.copyOf(prime, last), null, state);
    }
    Batch batch = model.readToken(prime[last], state);
    DrawShape shape = sampling.shape(vocabularySize);
    int chunk = Math.toIntExact(drawn.elements());
    for (long first = 0; ; first += chunk) {
      draw(batch, shape, sampling.seed(), first);
      for (int token : drawn.readInts()) {
        if (token < 0) {
          throw new IllegalArgumentException(
              "a logit of the model is not finite; needed finite numbers to draw a token from");
        }
        if (!accept.test(token)) {
          return;
        }
      }
    }
  }

  /** What a chunk depends on besides the random numbers. */
  private record ChunkKey(Sampler sampler, Batch batch, DrawShape shape) {}

  /**
   * Draws a chunk of tokens, each from the outputs that {@code batch} holds, and reads it at once.
   * A device does so without the host.
   */
  private void draw(Batch batch, DrawShape shape, long seed, long first) {
    model.keepTokenBatch(batch);
    Backend backend = model.backend();
    randomStaging
        .clear()
        .asIntBuffer()
        .put(new RandomKey(seed, Philox.Stream.SAMPLER.number(), 0).words())
        .put((int) first)
        .put((int) (first >>> 32));
    Buffer key = random.slice(0, RandomKey.ELEMENTS);
    Buffer number = random.slice(RandomKey.ELEMENTS, 2);
    backend.step(
        new ChunkKey(this, batch, shape),
        List.of(new StepInput(randomStaging, random)),
        () -> {
          for (int i = 0; i < drawn.elements(); i++) {
            backend.drawToken(shape, key, number, i, batch.outputs(), batch.tokens());
            backend.copy(batch.tokens(), drawn.slice(i, 1));
            batch.forward(state);
          }
        });
  }

  /** Frees the carried state and the tokens. */
  @Override
  public void close() {
    state.close();
    drawn.close();
    random.close();
  }
}
