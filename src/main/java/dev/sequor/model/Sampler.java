package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.DrawShape;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.StepInput;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkState;
import dev.sequor.module.ValueShape;
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
  private final NetworkState state;

  /** The tokens of one chunk. */
  private final Buffer drawn;

  /** Which random numbers they take: the key, and the number of the first of the chunk. */
  private final Buffer random;

  private final Buffer key;
  private final Buffer first;
  private final ByteBuffer firstStaging = Backend.hostMemory(DType.INT32, 2);
  private final String tokenInput;

  /**
   * A sampler for {@code model}, which stays the caller's.
   *
   * @throws IllegalArgumentException if the model is bidirectional, does not read tokens, does not
   *     predict one of the same tokens at every step, or has another loss than softmax
   */
  public Sampler(SequenceModel model) {
    ModelSpec spec = model.spec();
    Network network = spec.network();
    require(model.carriesState(), "is bidirectional", "a unidirectional one");
    require(network.inputs().size() == 1, "has several inputs", "one input");
    ValueShape input = network.inputs().get(0).shape();
    require(input instanceof ValueShape.Tokens, "reads real vectors", "one that reads tokens");
    ValueShape output = spec.outputShape();
    require(
        output instanceof ValueShape.Sequence,
        "reads out the last step only",
        "an output at every step");
    require(
        spec.loss().function().takesClasses(),
        "has the loss " + spec.loss().function(),
        LossFunction.SOFTMAX_CROSS_ENTROPY.toString());
    this.vocabularySize = input instanceof ValueShape.Tokens tokens ? tokens.vocabularySize() : 0;
    int predicted = AdaptiveOutput.classes(spec);
    require(
        predicted == vocabularySize,
        "reads " + vocabularySize + " tokens and predicts " + predicted,
        "the same tokens");
    this.tokenInput = network.inputs().get(0).name();
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
      state.close();
      drawn.close();
      throw e;
    }
    this.key = random.slice(0, RandomKey.ELEMENTS);
    this.first = random.slice(RandomKey.ELEMENTS, 2);
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
    ModelPass pass = model.readToken(prime[last], state);
    DrawShape shape = sampling.shape(vocabularySize);
    int chunk = Math.toIntExact(drawn.elements());
    key.write(new RandomKey(sampling.seed(), Philox.Stream.SAMPLER.number(), 0).words());
    for (long number = 0; ; number += chunk) {
      draw(pass, shape, number);
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
  private record ChunkKey(Sampler sampler, ModelPass pass, DrawShape shape) {}

  /**
   * Draws a chunk of tokens, each from the outputs that {@code pass} holds, and reads it at once. A
   * device does so without the host.
   */
  private void draw(ModelPass pass, DrawShape shape, long number) {
    model.keepTokenPass(pass);
    pass.carry(state);
    Backend backend = model.backend();
    Buffer tokens = pass.network().value(tokenInput);
    firstStaging.clear().asIntBuffer().put((int) number).put((int) (number >>> 32));
    backend.step(
        new ChunkKey(this, pass, shape),
        List.of(new StepInput(firstStaging, first)),
        () -> {
          for (int i = 0; i < drawn.elements(); i++) {
            backend.drawToken(shape, key, first, i, pass.logits(), tokens);
            backend.copy(tokens, drawn.slice(i, 1));
            pass.forward();
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
