package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Decoding against searches that score every prefix anew by teacher forcing. */
final class TranslatorTest {
  private static final int V = 4;
  private static final int BEGIN = 0;
  private static final int END = 3;

  /** Two layers, two directions into one, three layers in the decoder: every state has to move. */
  private static final EncoderDecoderSpec SPEC =
      EncoderDecoderSpec.of(
          5,
          V,
          BEGIN,
          END,
          RnnSpec.of(CellType.LSTM, 3, 4).withLayers(2).withBidirectional(true),
          RnnSpec.of(CellType.LSTM, 3, 5).withLayers(3));

  /** Larger weights than at first, so that what a decoder writes depends on what it read. */
  private static SequenceModel model(Backend backend, EncoderDecoderSpec spec) {
    SequenceModel model = new SequenceModel(backend, spec, 5);
    List<NamedTensor> larger = new ArrayList<>();
    for (NamedTensor tensor : model.tensors()) {
      float[] values = tensor.values().clone();
      for (int i = 0; i < values.length; i++) {
        values[i] *= 2.5f;
      }
      larger.add(new NamedTensor(tensor.name(), tensor.shape(), values));
    }
    model.load(larger);
    return model;
  }

  private static List<int[]> sources(int count, int longest) {
    Random random = new Random(9);
    List<int[]> sources = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sources.add(random.ints(i % (longest + 1), 0, 5).toArray());
    }
    return sources;
  }

  /** The log-probability of {@code target}, and of the end token after it if {@code ended}. */
  private static double logProbability(
      SequenceModel model, int[] source, int[] target, boolean ended) {
    float[] logits = logits(model, source, target);
    double sum = 0;
    for (int t = 0; t < target.length + (ended ? 1 : 0); t++) {
      double total = 0;
      for (int i = 0; i < V; i++) {
        total += Math.exp(logits[t * V + i]);
      }
      sum += logits[t * V + (t < target.length ? target[t] : END)] - Math.log(total);
    }
    return sum;
  }

  private static float[] logits(SequenceModel model, int[] source, int[] target) {
    return model.forward(SPEC.window(List.of(source), List.of(target)), null).readFloats();
  }

  private static int[] with(int[] prefix, int token) {
    int[] longer = Arrays.copyOf(prefix, prefix.length + 1);
    longer[prefix.length] = token;
    return longer;
  }

  @SuppressWarnings("ArrayRecordComponent")
  private record Scored(int[] tokens, boolean ended, double logProbability) {
    double score(double penalty) {
      int length = tokens.length + (ended ? 1 : 0);
      return logProbability / Math.pow((5.0 + length) / 6.0, penalty);
    }
  }

  private static List<Scored> ranked(List<Scored> found, double penalty) {
    List<Scored> ranked = new ArrayList<>(found);
    ranked.sort(
        Comparator.comparing((Scored s) -> !s.ended())
            .thenComparing(Comparator.comparingDouble((Scored s) -> s.score(penalty)).reversed()));
    return ranked;
  }

  /** All sequences there are. */
  private static List<Scored> exhaustive(SequenceModel model, int[] source, int maxLength) {
    List<Scored> all = new ArrayList<>();
    List<int[]> prefixes = List.of(new int[0]);
    for (int length = 1; length <= maxLength; length++) {
      List<int[]> longer = new ArrayList<>();
      for (int[] prefix : prefixes) {
        all.add(new Scored(prefix, true, logProbability(model, source, prefix, true)));
        for (int token = 0; token < V; token++) {
          if (token != END) {
            longer.add(with(prefix, token));
          }
        }
      }
      prefixes = longer;
    }
    for (int[] cut : prefixes) {
      all.add(new Scored(cut, false, logProbability(model, source, cut, false)));
    }
    return all;
  }

  /** A beam search that keeps no state. */
  private static List<Scored> plain(SequenceModel model, int[] source, int width, int maxLength) {
    List<Scored> found = new ArrayList<>();
    List<Scored> live = List.of(new Scored(new int[0], false, 0));
    for (int length = 1; length <= maxLength && !live.isEmpty(); length++) {
      List<Scored> candidates = new ArrayList<>();
      for (Scored prefix : live) {
        for (int token = 0; token < V; token++) {
          int[] tokens = token == END ? prefix.tokens() : with(prefix.tokens(), token);
          boolean ended = token == END;
          candidates.add(new Scored(tokens, ended, logProbability(model, source, tokens, ended)));
        }
      }
      candidates.sort(Comparator.comparingDouble(Scored::logProbability).reversed());
      List<Scored> next = new ArrayList<>();
      int places = Math.min(width - found.size(), candidates.size());
      for (Scored candidate : candidates.subList(0, places)) {
        (candidate.ended() || length == maxLength ? found : next).add(candidate);
      }
      live = next;
    }
    return found;
  }

  private static void assertSame(List<Scored> expected, List<Hypothesis> actual, double penalty) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      Hypothesis own = actual.get(i);
      assertEquals(expected.get(i).score(penalty), own.score(), 2e-5, "score of rank " + i);
      assertEquals(expected.get(i).ended(), own.ended());
      // Scores that are equal but for rounding may change places.
      assertTrue(
          expected.stream()
              .anyMatch(
                  s ->
                      Arrays.equals(s.tokens(), own.tokens())
                          && s.ended() == own.ended()
                          && Math.abs(s.logProbability() - own.logProbability()) < 2e-5),
          "rank " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aBeamThatIsWideEnoughFindsAllSequencesThereAre(String device) {
    List<int[]> sources = sources(3, 2);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model, 2)) {
      for (int width : new int[] {40, 53}) {
        for (double penalty : new double[] {0, 0.8}) {
          List<List<Hypothesis>> found =
              translator.search(sources, new BeamSearch(width, 3, penalty));
          for (int s = 0; s < sources.size(); s++) {
            List<Scored> all = exhaustive(model, sources.get(s), 3);
            assertEquals(1 + 3 + 9 + 27, all.size());
            assertSame(ranked(all, penalty), found.get(s), penalty);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aNarrowBeamFindsWhatASearchWithoutStatesFinds(String device) {
    List<int[]> sources = sources(5, 4);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model, 3)) {
      for (int width : new int[] {1, 2, 3, 6}) {
        List<List<Hypothesis>> found = translator.search(sources, new BeamSearch(width, 6, 0.6));
        for (int s = 0; s < sources.size(); s++) {
          assertSame(ranked(plain(model, sources.get(s), width, 6), 0.6), found.get(s), 0.6);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aBeamOfOneIsGreedyWhateverTheLengthPenalty(String device) {
    List<int[]> sources = sources(6, 5);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model)) {
      List<int[]> greedy = translator.greedy(sources, 8);
      for (double penalty : new double[] {0, 2, 10}) {
        List<List<Hypothesis>> beams = translator.search(sources, new BeamSearch(1, 8, penalty));
        for (int s = 0; s < sources.size(); s++) {
          assertEquals(1, beams.get(s).size());
          assertArrayEquals(greedy.get(s), beams.get(s).get(0).tokens());
        }
      }
      List<int[]> drawn = translator.sample(sources, 8, Sampling.greedy());
      for (int s = 0; s < sources.size(); s++) {
        int[] own = new int[0];
        boolean ended = false;
        for (int t = 0; t < 8 && !ended; t++) {
          float[] logits = logits(model, sources.get(s), own);
          int from = t * V;
          int best =
              IntStream.range(0, V)
                  .reduce((a, b) -> logits[from + b] > logits[from + a] ? b : a)
                  .getAsInt();
          ended = best == END;
          own = ended ? own : with(own, best);
        }
        assertArrayEquals(own, greedy.get(s), "source " + s);
        assertArrayEquals(own, drawn.get(s), "source " + s);
      }
    }
  }

  private static void assertSameBits(List<Hypothesis> expected, List<Hypothesis> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).tokens(), actual.get(i).tokens());
      assertEquals(expected.get(i).ended(), actual.get(i).ended());
      assertEquals(expected.get(i).logProbability(), actual.get(i).logProbability());
    }
  }

  /** The same tokens in the same order; a row's place may change the last bits of its scores. */
  private static void assertSameText(List<Hypothesis> expected, List<Hypothesis> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).tokens(), actual.get(i).tokens());
      assertEquals(expected.get(i).ended(), actual.get(i).ended());
      assertEquals(expected.get(i).logProbability(), actual.get(i).logProbability(), 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aSourceIsDecodedTheSameAloneAndAmongOthersInAnyOrder(String device) {
    int count = device.startsWith("cuda") ? 16 : 64;
    List<int[]> sources = sources(count, 9);
    BeamSearch search = new BeamSearch(3, 7, 0.6);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model, 8)) {
      List<List<Hypothesis>> together = translator.search(sources, search);
      List<List<Hypothesis>> again = translator.search(sources, search);
      List<int[]> turned = new ArrayList<>(sources);
      Collections.reverse(turned);
      List<List<Hypothesis>> backwards = translator.search(turned, search);
      for (int s = 0; s < count; s++) {
        assertSameBits(together.get(s), again.get(s));
        assertSameText(together.get(s), backwards.get(count - 1 - s));
      }
      for (int s = 0; s < 14; s += 7) {
        List<List<Hypothesis>> some = translator.search(sources.subList(s, s + 7), search);
        for (int i = 0; i < 7; i++) {
          assertSameText(together.get(s + i), some.get(i));
        }
        assertSameText(together.get(s), translator.search(List.of(sources.get(s)), search).get(0));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void whatOthersDecodedInBetweenLeavesNoTrace(String device) {
    List<int[]> a = List.of(new int[] {1, 2, 3}, new int[] {4});
    List<int[]> b = List.of(new int[] {0, 0, 4, 4, 1, 2}, new int[] {}, new int[] {3, 1});
    Sampling sampling = Sampling.ofTemperature(1, 4);
    BeamSearch search = new BeamSearch(3, 6, 0.5);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model, 4)) {
      List<List<Hypothesis>> first = translator.search(a, search);
      List<int[]> drawn = translator.sample(a, 6, sampling);
      translator.search(b, new BeamSearch(2, 9, 0));
      translator.sample(b, 40, sampling);
      translator.search(b, search);
      for (int s = 0; s < a.size(); s++) {
        assertSameBits(first.get(s), translator.search(a, search).get(s));
        assertArrayEquals(drawn.get(s), translator.sample(a, 6, sampling).get(s));
      }
    }
  }

  @Test
  void everyBackendDrawsTheSameTokensOfASource() {
    List<int[]> sources = sources(9, 6);
    Sampling sampling = new Sampling(1.3f, 3, 0.95f, 0.05f, 1.2f, 11);
    List<List<int[]>> all = new ArrayList<>();
    UsableBackends.names()
        .forEach(
            device -> {
              try (Backend backend = Devices.open(device);
                  SequenceModel model = model(backend, SPEC);
                  Translator translator = new Translator(model, 4)) {
                all.add(translator.sample(sources, 12, sampling));
              }
            });
    for (List<int[]> other : all) {
      for (int s = 0; s < sources.size(); s++) {
        assertArrayEquals(all.get(0).get(s), other.get(s));
      }
    }
    assertFalse(Arrays.equals(all.get(0).get(0), all.get(0).get(7)), "all are drawn alike");
  }

  @Test
  void decodingSeesTheWeightsOfToday() {
    List<int[]> sources = sources(3, 3);
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, SPEC, 1);
        SequenceModel other = model(backend, SPEC);
        Translator translator = new Translator(model);
        Translator its = new Translator(other)) {
      BeamSearch search = new BeamSearch(2, 5, 0);
      translator.search(sources, search);
      model.load(other.tensors());
      for (int s = 0; s < 3; s++) {
        assertSameBits(
            its.search(sources, search).get(s), translator.search(sources, search).get(s));
      }
    }
  }

  @Test
  void whatCannotBeDecodedIsRefused() {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, SPEC, 1);
        Translator translator = new Translator(model)) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> translator.greedy(List.of(new int[] {1}, new int[] {0, 5}), 3))
              .getMessage();
      assertEquals("token 1 of source 1 is 5; a vocabulary of 5 needs 0 to 4", message);
      assertThrows(IllegalArgumentException.class, () -> new BeamSearch(0, 3, 0));
      assertThrows(IllegalArgumentException.class, () -> new BeamSearch(1, 3, Double.NaN));
      assertEquals(0, translator.greedy(List.of(), 3).size());
    }
  }

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  /** What is said itself is exactly right; a changed token, a missing one and no end are not. */
  @ParameterizedTest
  @MethodSource("devices")
  void exactMatchesAreCounted(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Translator translator = new Translator(model, 3)) {
      List<int[]> sources = sources(11, 5);
      List<int[]> said = new ArrayList<>(translator.greedy(sources, 7));
      List<int[]> targets = new ArrayList<>(said);
      long unended = said.stream().filter(tokens -> tokens.length == 7).count();
      long labels = said.stream().mapToLong(tokens -> tokens.length).sum();
      assertTrue(unended > 0 && unended < 11, "the test wants some of both: " + unended);
      // What has not ended after 7 tokens says an eighth.
      assertEquals(
          new LabelErrors(unended, labels, unended, 11), translator.errors(sources, targets));
      assertEquals((11.0 - unended) / 11, translator.errors(sources, targets).exactMatch());
      List<Integer> ended =
          IntStream.range(0, 11)
              .filter(i -> said.get(i).length > 0 && said.get(i).length < 7)
              .boxed()
              .toList();
      int changed = ended.get(0);
      int[] other = said.get(changed).clone();
      other[0] = (other[0] + 1) % V;
      targets.set(changed, other);
      assertEquals(unended + 1, translator.errors(sources, targets).wrong());
      targets.set(changed, with(said.get(changed), 1));
      assertEquals(unended + 1, translator.errors(sources, targets).wrong());
      assertEquals(LabelErrors.NONE, translator.errors(List.of(), List.of()));
      assertEquals(
          "10 targets of 11 sources; needed as many",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> translator.errors(sources, targets.subList(0, 10)))
              .getMessage());
      targets.set(1, new int[] {V});
      assertEquals(
          "token 0 of target 1 is 4; a vocabulary of 4 needs 0 to 3",
          assertThrows(IllegalArgumentException.class, () -> translator.errors(sources, targets))
              .getMessage());
    }
  }
}
