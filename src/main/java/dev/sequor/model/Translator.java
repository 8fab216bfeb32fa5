package dev.sequor.model;

import dev.sequor.backend.DrawShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decodes with an encoder–decoder: greedily, by beam search or by drawing. Sees the model's present
 * weights in every call, and none of the calls before.
 *
 * <p>Sources run in groups of a fixed number, padded to a power of two that only their own length
 * decides, and a group that is not full has empty ones. So every source runs in the same shapes
 * whatever stands beside it, and nothing that it meets depends on the others: what is decoded of it
 * is the same alone and among others in any order. Only where the engine cuts matrices into tiles
 * may the place of a row change the last bits of a score ({@code cpu}). Of a step only the few
 * likeliest tokens of each row come to the host ({@code [sequences·width, min(width, V)]} tokens
 * and log-probabilities), never the logits.
 */
public final class Translator implements AutoCloseable {
  /** Lengths of sources, by powers of two, whose passes are kept. */
  private static final int PASSES_KEPT = 4;

  private final SequenceModel model;
  private final EncoderDecoderSpec spec;
  private final int sequences;
  private final NetworkWeights encoder;
  private final NetworkWeights decoder;
  private final Map<Integer, NetworkPass> encoders = new LinkedHashMap<>(16, 0.75f, true);
  private @Nullable TokenSteps steps;
  private boolean closed;

  /** A translator of up to 16 sequences at once. */
  public Translator(SequenceModel model) {
    this(model, 16);
  }

  /**
   * A translator for {@code model}, which stays the caller's.
   *
   * @param sequences how many run at once; what is decoded may depend on it by rounding
   * @throws IllegalArgumentException if the model is no {@link EncoderDecoderSpec}
   */
  public Translator(SequenceModel model, int sequences) {
    Sizes.atLeastOne("sequences", sequences);
    if (!(Required.present("model", model).spec() instanceof EncoderDecoderSpec known)) {
      throw new IllegalArgumentException(
          "the model is a "
              + model.spec().getClass().getSimpleName()
              + "; translating needs an EncoderDecoderSpec");
    }
    this.spec = known;
    this.model = model;
    this.sequences = sequences;
    this.encoder = model.weights().part(spec.encoderNetwork());
    this.decoder = model.weights().part(spec.decoderNetwork());
  }

  /**
   * The likeliest token at each step, until the end token.
   *
   * @param maxLength steps at most
   * @return what is written for each source, without the end token
   */
  public List<int[]> greedy(List<int[]> sources, int maxLength) {
    return search(sources, BeamSearch.greedy(maxLength)).stream()
        .map(best -> best.get(0).tokens())
        .toList();
  }

  /**
   * The hypotheses that a beam search finds for each source, the best first; at most as many as the
   * beam is wide.
   *
   * @throws IllegalArgumentException naming the first token that is none of the vocabulary
   */
  public List<List<Hypothesis>> search(List<int[]> sources, BeamSearch search) {
    Required.present("search", search);
    List<List<Hypothesis>> results = new ArrayList<>();
    groups(
        sources,
        search.width(),
        (group, at) -> {
          int width = search.width();
          List<Beam> beams = new ArrayList<>();
          for (int s = 0; s < group.size(); s++) {
            beams.add(new Beam(search, spec.end()));
          }
          TokenSteps running = running(width);
          while (!beams.stream().allMatch(Beam::isOver)) {
            step(running, beams, width);
          }
          while (results.size() < sources.size()) {
            results.add(List.of());
          }
          for (int s = 0; s < group.size(); s++) {
            results.set(at.get(s), beams.get(s).best());
          }
        });
    return results;
  }

  /**
   * How far what {@link #greedy} says is from what it should; {@link LabelErrors#exactMatch()} is
   * the fraction that is said exactly, end included: whoever has not ended one step after the
   * longest target is wrong.
   *
   * @param targets of each source, without begin and end tokens
   * @throws IllegalArgumentException if there is another number of targets than of sources, or
   *     naming the first token that is none of a vocabulary
   */
  public LabelErrors errors(List<int[]> sources, List<int[]> targets) {
    if (Required.present("targets", targets).size()
        != Required.present("sources", sources).size()) {
      throw new IllegalArgumentException(
          targets.size() + " targets of " + sources.size() + " sources; needed as many");
    }
    int longest = 0;
    for (int i = 0; i < targets.size(); i++) {
      requireTokens("target", i, targets.get(i), spec.targetVocabulary());
      longest = Math.max(longest, targets.get(i).length);
    }
    List<int[]> said = greedy(sources, Math.addExact(longest, 1));
    LabelErrors total = LabelErrors.NONE;
    for (int i = 0; i < targets.size(); i++) {
      total = total.plus(LabelErrors.of(targets.get(i), said.get(i)));
    }
    return total;
  }

  private static void requireTokens(String what, int number, int[] tokens, int vocabulary) {
    for (int t = 0; t < tokens.length; t++) {
      if (tokens[t] < 0 || tokens[t] >= vocabulary) {
        throw new IllegalArgumentException(
            "token "
                + t
                + " of "
                + what
                + " "
                + number
                + " is "
                + tokens[t]
                + "; a vocabulary of "
                + vocabulary
                + " needs 0 to "
                + (vocabulary - 1));
      }
    }
  }

  private void step(TokenSteps running, List<Beam> beams, int width) {
    int[] tokens = new int[running.rows()];
    int[] parents = new int[running.rows()];
    for (int row = 0; row < tokens.length; row++) {
      int s = row / width;
      tokens[row] = spec.begin();
      parents[row] = row;
      if (s < beams.size()) {
        tokens[row] = beams.get(s).token(row % width, spec.begin());
        parents[row] = s * width + beams.get(s).parent(row % width);
      }
    }
    TokenSteps.Likeliest next = running.likeliest(tokens, parents);
    for (int s = 0; s < beams.size(); s++) {
      int from = s * width * running.count();
      beams.get(s).advance(next.tokens(), next.logarithms(), from, running.count());
    }
  }

  /**
   * Draws a target for each source. Source number {@code i} has the random numbers of {@code
   * sampling}'s seed and of {@code i}, whatever the others are.
   *
   * @param maxLength tokens at most
   * @return what is drawn before the end token
   */
  public List<int[]> sample(List<int[]> sources, int maxLength, Sampling sampling) {
    Sizes.atLeastOne("maxLength", maxLength);
    DrawShape shape = Required.present("sampling", sampling).shape(spec.targetVocabulary());
    int[][] results = new int[Required.present("sources", sources).size()][];
    groups(
        sources,
        1,
        (group, at) -> {
          TokenSteps running = running(1);
          List<RandomKey> keys = new ArrayList<>();
          for (int number : at) {
            keys.add(new RandomKey(sampling.seed(), Philox.Stream.SAMPLER.number(), number));
          }
          int[] begin = new int[running.rows()];
          Arrays.fill(begin, spec.begin());
          running.drawFrom(shape, keys, new int[0][]);
          running.read(begin);
          int[][] drawn = new int[group.size()][maxLength];
          int[] lengths = new int[group.size()];
          Arrays.fill(lengths, -1);
          boolean over = false;
          for (long first = 0; !over && first < maxLength; ) {
            int[] next = running.draw(shape, first);
            int chunk = next.length / running.rows();
            for (int i = 0; i < chunk && first < maxLength; i++, first++) {
              over = true;
              for (int s = 0; s < lengths.length; s++) {
                int token = next[i * running.rows() + s];
                if (lengths[s] < 0) {
                  Sampler.requireDrawn(token);
                  lengths[s] = token == spec.end() ? (int) first : -1;
                  drawn[s][(int) first] = token;
                }
                over &= lengths[s] >= 0;
              }
            }
          }
          for (int s = 0; s < lengths.length; s++) {
            int length = lengths[s] < 0 ? maxLength : lengths[s];
            results[at.get(s)] = Arrays.copyOf(drawn[s], length);
          }
        });
    return List.of(results);
  }

  private interface Group {
    /** Works on sources whose states are where the steps start; {@code at} are their numbers. */
    void work(List<int[]> sources, List<Integer> at);
  }

  private void groups(List<int[]> sources, int width, Group group) {
    if (closed) {
      throw new IllegalStateException("the translator is used after close");
    }
    Map<Integer, List<Integer>> byLength = new TreeMap<>();
    for (int i = 0; i < Required.present("sources", sources).size(); i++) {
      int[] source = sources.get(i);
      requireTokens("source", i, source, spec.sourceVocabulary());
      byLength.computeIfAbsent(padded(source.length), k -> new ArrayList<>()).add(i);
    }
    byLength.forEach(
        (length, all) -> {
          for (int from = 0; from < all.size(); from += sequences) {
            List<Integer> at = all.subList(from, Math.min(all.size(), from + sequences));
            List<int[]> own = at.stream().map(sources::get).toList();
            start(own, length, width);
            group.work(own, at);
          }
        });
  }

  /** The power of two that a source is padded to. */
  private static int padded(int length) {
    return length <= 4 ? 4 : Math.max(length, Integer.highestOneBit(length - 1) << 1);
  }

  private TokenSteps running(int width) {
    int rows = (int) Sizes.product("sequences · width", Integer.MAX_VALUE, sequences, width);
    TokenSteps known = steps;
    if (known == null || known.rows() != rows) {
      if (known != null) {
        known.close();
        steps = null;
      }
      known = new TokenSteps(decoder, "logits", rows, width, model.inferenceWeights());
      steps = known;
    }
    return known;
  }

  private void start(List<int[]> sources, int length, int width) {
    NetworkPass pass = encoders.get(length);
    if (pass == null) {
      Extent extent = Extent.of(EncoderDecoderSpec.SOURCE, length, sequences);
      pass = new NetworkPass(encoder, extent, Mode.INFERENCE, model.inferenceWeights(), Set.of());
      encoders.put(length, pass);
      if (encoders.size() > PASSES_KEPT) {
        var eldest = encoders.values().iterator();
        NetworkPass evicted = eldest.next();
        eldest.remove();
        evicted.close();
      }
    }
    Window.Part part = EncoderDecoderSpec.sourcePart(sources, length, sequences);
    pass.put(
        EncoderDecoderSpec.SOURCE,
        ((Values.Tokens) part.values()).ids(),
        Objects.requireNonNull(part.lengths()));
    pass.upload();
    pass.forward();
    Network network = encoder.network();
    running(width).start("decoder", pass.value(network.outputs().get(0)), sequences, width);
  }

  /** Frees its passes; the model stays. */
  @Override
  public void close() {
    closed = true;
    if (steps != null) {
      steps.close();
    }
    encoders.values().forEach(NetworkPass::close);
    encoders.clear();
  }
}
