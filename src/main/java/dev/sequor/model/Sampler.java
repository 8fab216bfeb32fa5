package dev.sequor.model;

import dev.sequor.backend.DrawShape;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkState;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Writes sequences with a language model: reads the tokens to continue, then draws one token after
 * another, each from the state that all before it left, or searches for the likeliest continuation.
 * Several sequences may run side by side; each has random numbers of its own, so that it is the
 * same alone and among others, up to the rounding of the logits.
 */
public final class Sampler implements AutoCloseable {
  /** Which random numbers a start takes: none that a sequence has. */
  private static final int STARTS = Philox.Stream.SAMPLER.number() + 1;

  private final SequenceModel model;
  private final int vocabularySize;

  /** Rising. */
  private final int[] excluded;

  private final TokenSteps steps;
  private @Nullable TokenSteps beams;
  private @Nullable NetworkState primed;
  private boolean closed;

  /** Gets each token as soon as the host sees it. */
  @FunctionalInterface
  public interface Reader {
    /**
     * A token of a sequence.
     *
     * @param sequence from 0
     * @return whether the sequence goes on; if not, no other token of it comes
     */
    boolean accept(int sequence, int token);
  }

  /** A sampler of one sequence at a time, see {@link #Sampler(SequenceModel, int)}. */
  public Sampler(SequenceModel model) {
    this(model, 1);
  }

  /**
   * A sampler for {@code model}, which stays the caller's.
   *
   * @param sequences how many run side by side; more run one group after another
   * @throws IllegalArgumentException if the model is bidirectional, does not read tokens, does not
   *     predict one of the same tokens at every step, or has another loss than softmax
   */
  public Sampler(SequenceModel model, int sequences) {
    this(model, sequences, Set.of());
  }

  /**
   * A sampler that never writes some tokens, for example the one that stands for all unknown words:
   * none is drawn, found by a search or started from. A prime may hold them.
   *
   * @param excluded tokens of the model, at least one fewer than it has
   * @throws IllegalArgumentException as {@link #Sampler(SequenceModel, int)}, or if one is none of
   *     the model's, or none is left
   */
  public Sampler(SequenceModel model, int sequences, Set<Integer> excluded) {
    Sizes.atLeastOne("sequences", sequences);
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
    this.excluded = excluded(excluded);
    this.model = model;
    this.steps = steps(sequences, 1);
  }

  private int[] excluded(Set<Integer> excluded) {
    int[] rising =
        Required.present("excluded", excluded).stream()
            .mapToInt(Integer::intValue)
            .sorted()
            .toArray();
    for (int token : rising) {
      if (token < 0 || token >= vocabularySize) {
        throw new IllegalArgumentException("token " + token + " is to be excluded" + needed(""));
      }
    }
    if (rising.length == vocabularySize) {
      throw new IllegalArgumentException(
          "all " + vocabularySize + " tokens are to be excluded; needed 1 that is not");
    }
    return rising;
  }

  /** What a token must be. */
  private String needed(String alternative) {
    return "; a vocabulary of "
        + vocabularySize
        + " needs 0 to "
        + (vocabularySize - 1)
        + alternative;
  }

  private TokenSteps steps(int rows, int count) {
    return new TokenSteps(
        model.weights(), model.spec().output(), rows, count, model.inferenceWeights(), excluded);
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
   * Continues {@code prime} until {@code accept}, which gets each token as soon as the host sees
   * it, returns false. Token number {@code n} takes random number {@code n} of the seed. A device
   * draws a chunk of tokens in one launch, and {@code accept} gets them then.
   *
   * @param prime the tokens to continue, at least one
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token
   */
  public void sample(int[] prime, Sampling sampling, IntPredicate accept) {
    requirePrime("prime", prime);
    sample(new int[][] {prime}, 0, sampling, (sequence, token) -> accept.test(token));
  }

  /**
   * Continues each of {@code primes} by {@code length} tokens, or until it holds one of {@code
   * stops}.
   *
   * @param stops sequences of tokens that end a continuation and are no part of it
   * @return the continuations, without the primes
   * @throws IllegalArgumentException naming the first prime or stop that is empty or holds an
   *     unknown token, or {@code length} if it is negative
   */
  public int[][] sample(int[][] primes, int length, List<int[]> stops, Sampling sampling) {
    return sample(primes, length, stops, sampling, (sequence, token) -> {});
  }

  /** Gets the tokens of continuations as they are made. */
  @FunctionalInterface
  public interface Listener {
    /** A token of a sequence, numbered from 0, that belongs to its continuation. */
    void drawn(int sequence, int token);
  }

  /**
   * The same, and hands each token on as soon as it is certain that it is no part of a stop.
   *
   * @param listener gets the tokens of each sequence in their order
   */
  public int[][] sample(
      int[][] primes, int length, List<int[]> stops, Sampling sampling, Listener listener) {
    if (length < 0) {
      throw new IllegalArgumentException("length is " + length + "; needed at least 0");
    }
    requirePrimes(primes);
    int longest = 1;
    for (int i = 0; i < Required.present("stops", stops).size(); i++) {
      requirePrime("stop " + i, stops.get(i));
      longest = Math.max(longest, stops.get(i).length);
    }
    Required.present("listener", listener);
    int heldBack = longest - 1; // so many may yet turn out to begin a stop
    int[][] written = new int[primes.length][length];
    int[] lengths = new int[primes.length];
    int[] told = new int[primes.length];
    Reader reader =
        (sequence, token) -> {
          int[] own = written[sequence];
          own[lengths[sequence]++] = token;
          int stop = stopAt(own, lengths[sequence], stops);
          boolean goesOn = stop < 0 && lengths[sequence] < length;
          lengths[sequence] = stop < 0 ? lengths[sequence] : stop;
          int certain = lengths[sequence] - (goesOn ? heldBack : 0);
          while (told[sequence] < certain) {
            listener.drawn(sequence, own[told[sequence]++]);
          }
          return goesOn;
        };
    if (length > 0) {
      sample(primes, 0, sampling, reader);
    }
    for (int i = 0; i < written.length; i++) {
      written[i] = Arrays.copyOf(written[i], lengths[i]);
    }
    return written;
  }

  /** Where the first of {@code stops} that {@code tokens} end with begins; −1 if none. */
  private static int stopAt(int[] tokens, int length, List<int[]> stops) {
    for (int[] stop : stops) {
      int from = length - stop.length;
      if (from >= 0 && Arrays.equals(stop, 0, stop.length, tokens, from, length)) {
        return from;
      }
    }
    return -1;
  }

  /**
   * Continues each of {@code primes} until {@code reader} has enough of it.
   *
   * @param primes the tokens to continue, at least one each
   * @param firstSequence sequence {@code i} takes the random numbers of sequence {@code
   *     firstSequence + i} of the seed
   * @throws IllegalArgumentException naming the first prime that is empty or holds an unknown token
   */
  public void sample(int[][] primes, long firstSequence, Sampling sampling, Reader reader) {
    Required.present("sampling", sampling);
    Required.present("reader", reader);
    requirePrimes(primes);
    requireOpen();
    DrawShape shape = sampling.shape(vocabularySize);
    for (int from = 0; from < primes.length; from += steps.rows()) {
      int count = Math.min(steps.rows(), primes.length - from);
      int[][] group = Arrays.copyOfRange(primes, from, from + count);
      List<RandomKey> keys = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        long number = firstSequence + from + i;
        keys.add(new RandomKey(sampling.seed(), Philox.Stream.SAMPLER.number(), number));
      }
      int[] last = prime(group, steps.rows(), steps.state());
      steps.drawFrom(shape, keys, group);
      steps.read(last);
      draw(shape, from, count, reader);
    }
  }

  private void draw(DrawShape shape, int from, int count, Reader reader) {
    boolean[] over = new boolean[count];
    int left = count;
    for (long number = 0; left > 0; ) {
      int[] drawn = steps.draw(shape, number);
      int chunk = drawn.length / steps.rows();
      for (int i = 0; i < chunk; i++, number++) {
        for (int row = 0; row < count; row++) {
          if (over[row]) {
            continue;
          }
          int token = drawn[i * steps.rows() + row];
          requireDrawn(token);
          if (!reader.accept(from + row, token)) {
            over[row] = true;
            left--;
          }
        }
      }
    }
  }

  static void requireDrawn(int token) {
    if (token < 0) {
      throw new IllegalArgumentException(
          "a logit of the model is not finite; needed finite numbers to draw a token from");
    }
  }

  /** Reads all but the last tokens of some primes into {@code state}; returns the last of each. */
  private int[] prime(int[][] primes, int rows, NetworkState state) {
    int longest = Arrays.stream(primes).mapToInt(p -> p.length - 1).max().orElse(0);
    int[] last = new int[rows];
    int[] lengths = new int[rows];
    int[] tokens = new int[Math.multiplyExact(longest, rows)];
    for (int row = 0; row < primes.length; row++) {
      int[] prime = primes[row];
      lengths[row] = prime.length - 1;
      last[row] = prime[prime.length - 1];
      for (int t = 0; t < prime.length - 1; t++) {
        tokens[t * rows + row] = prime[t];
      }
    }
    state.zero();
    if (longest > 0) {
      model.forward(longest, rows, tokens, rows == 1 ? null : lengths, state);
    }
    return last;
  }

  /**
   * The continuations of {@code prime} that a beam search finds, the best first.
   *
   * @param end the token that ends one; −1 for none, so that all are as long as the search allows
   * @throws IllegalArgumentException if {@code prime} is empty or holds an unknown token, or {@code
   *     end} is none of the vocabulary
   */
  public List<Hypothesis> search(int[] prime, BeamSearch search, int end) {
    requirePrime("prime", prime);
    Required.present("search", search);
    if (end < -1 || end >= vocabularySize) {
      throw new IllegalArgumentException("end is " + end + needed(", or -1 for none"));
    }
    requireOpen();
    int width = search.width();
    TokenSteps running = beams;
    if (running == null || running.rows() != width) {
      if (running != null) {
        beams = null;
        running.close();
      }
      running = steps(width, width);
      beams = running;
    }
    NetworkState first = primed;
    if (first == null) {
      first = model.newState(1);
      primed = first;
    }
    int[] tokens = new int[width];
    Arrays.fill(tokens, prime(new int[][] {prime}, 1, first)[0]);
    running.start(first, width);
    Beam beam = new Beam(search, end);
    while (!beam.isOver()) {
      int[] parents = new int[width];
      for (int row = 0; row < width; row++) {
        tokens[row] = beam.token(row, tokens[row]);
        parents[row] = beam.parent(row);
      }
      TokenSteps.Likeliest next = running.likeliest(tokens, parents);
      beam.advance(next.tokens(), next.logarithms(), 0, running.count());
    }
    return beam.best();
  }

  /**
   * A token to start sequence {@code sequence} from, each that is not excluded as likely as the
   * others.
   *
   * @throws IllegalArgumentException if {@code sequence} is negative
   */
  public int randomStart(long seed, long sequence) {
    if (sequence < 0) {
      throw new IllegalArgumentException("sequence is " + sequence + "; needed at least 0");
    }
    long word = Philox.word(seed, STARTS, sequence, 0) & 0xFFFFFFFFL;
    int start = (int) ((word * (vocabularySize - excluded.length)) >>> 32);
    for (int token : excluded) {
      start += token <= start ? 1 : 0;
    }
    return start;
  }

  private void requirePrimes(int[][] primes) {
    for (int i = 0; i < Required.present("primes", primes).length; i++) {
      requirePrime(primes.length == 1 ? "prime" : "prime " + i, primes[i]);
    }
  }

  private void requirePrime(String name, int[] prime) {
    if (Required.present(name, prime).length == 0) {
      throw new IllegalArgumentException(name + " holds no token; needed at least 1 to continue");
    }
    for (int i = 0; i < prime.length; i++) {
      if (prime[i] < 0 || prime[i] >= vocabularySize) {
        throw new IllegalArgumentException(
            "token " + i + " of " + name + " is " + prime[i] + needed(""));
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the sampler is used after close");
    }
  }

  /** Frees its passes and states; the model stays. */
  @Override
  public void close() {
    closed = true;
    steps.close();
    if (beams != null) {
      beams.close();
    }
    if (primed != null) {
      primed.close();
    }
  }
}
