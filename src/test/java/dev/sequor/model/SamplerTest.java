package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import dev.sequor.module.NamedTensor;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class SamplerTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(4, 4).hiddenSize(12).build();

  private final Backend backend = Devices.open("java");
  private final SequenceModel model = new SequenceModel(backend, SPEC, 1);
  private final Sampler sampler = new Sampler(model);

  @AfterEach
  void close() {
    sampler.close();
    model.close();
    backend.close();
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Teaches 0 0 1 0 2 3 again and again: what follows a 0 depends on what came before it. */
  private void learnCycle() {
    int[] cycle = {0, 0, 1, 0, 2, 3};
    int[] tokens = new int[24];
    int[] targets = new int[24];
    for (int t = 0; t < 24; t++) {
      tokens[t] = cycle[t % 6];
      targets[t] = cycle[(t + 1) % 6];
    }
    try (Trainer trainer = new Trainer(model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 1)) {
      for (int step = 0; step < 200; step++) {
        trainer.step(new TokenWindow(24, 1, tokens, targets, null, true));
      }
    }
  }

  @Test
  void greedySamplingContinuesALearnedCycleFromItsPrime() {
    learnCycle();
    int[] drawn = sampler.sample(new int[] {0, 0, 1, 0}, 8, Sampling.greedy());
    assertArrayEquals(new int[] {2, 3, 0, 0, 1, 0, 2, 3}, drawn);
  }

  @Test
  void theSameSeedDrawsTheSameTokens() {
    int[] prime = {1};
    int[] drawn = sampler.sample(prime, 50, Sampling.ofTemperature(1, 3));
    assertArrayEquals(drawn, sampler.sample(prime, 50, Sampling.ofTemperature(1, 3)));
    int[] start = sampler.sample(prime, 20, Sampling.ofTemperature(1, 3));
    assertArrayEquals(Arrays.copyOf(drawn, 20), start);
    assertFalse(Arrays.equals(drawn, sampler.sample(prime, 50, Sampling.ofTemperature(1, 4))));
  }

  @Test
  void everyBackendDrawsTheSameTokensFromACellWithOptions() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(4, 4)
            .hiddenSize(12)
            .layers(2)
            .options(SampleOptions.everything(CellType.LSTM))
            .build();
    Map<String, int[]> drawn = new HashMap<>();
    UsableBackends.names()
        .forEach(
            device -> {
              try (Backend other = Devices.open(device);
                  SequenceModel its = new SequenceModel(other, spec, 1);
                  Sampler from = new Sampler(its)) {
                Sampling sampling = Sampling.ofTemperature(1, 8);
                drawn.put(device, from.sample(new int[] {2, 1}, 40, sampling));
              }
            });
    int[] expected = Objects.requireNonNull(drawn.get("java"));
    drawn.forEach((device, tokens) -> assertArrayEquals(expected, tokens, device));
  }

  @Test
  void everyBackendDrawsTheSameTokens() {
    int[] expected = sampler.sample(new int[] {2, 1}, 40, Sampling.ofTemperature(1, 8));
    UsableBackends.names()
        .forEach(
            device -> {
              try (Backend other = Devices.open(device);
                  SequenceModel same = new SequenceModel(other, SPEC, 1);
                  Sampler its = new Sampler(same)) {
                assertArrayEquals(
                    expected, its.sample(new int[] {2, 1}, 40, Sampling.ofTemperature(1, 8)));
              }
            });
  }

  @Test
  void drawingStopsWhenTheReaderHasEnough() {
    List<Integer> drawn = new ArrayList<>();
    sampler.sample(
        new int[] {1},
        Sampling.ofTemperature(1, 3),
        token -> {
          drawn.add(token);
          return drawn.size() < 7;
        });
    int[] expected = sampler.sample(new int[] {1}, 7, Sampling.ofTemperature(1, 3));
    assertArrayEquals(expected, drawn.stream().mapToInt(Integer::intValue).toArray());
    assertEquals(0, sampler.sample(new int[] {1}, 0, Sampling.greedy()).length);
  }

  @Test
  void primesAndModelsThatCannotBeContinuedAreRefused() {
    refused(
        "prime holds no token; needed at least 1 to continue",
        () -> sampler.sample(new int[0], 1, Sampling.greedy()));
    refused(
        "token 1 of prime is 4; a vocabulary of 4 needs 0 to 3",
        () -> sampler.sample(new int[] {0, 4}, 1, Sampling.greedy()));
    SequenceModelSpec both =
        SequenceModelSpec.languageModel(4, 4).hiddenSize(3).bidirectional(true).build();
    try (SequenceModel other = new SequenceModel(backend, both, 1)) {
      refused(
          "the model is bidirectional; sampling a sequence needs a unidirectional one",
          () -> new Sampler(other));
    }
    SequenceModelSpec last =
        SequenceModelSpec.languageModel(4, 4).hiddenSize(3).readout(Readout.LAST_STEP).build();
    try (SequenceModel other = new SequenceModel(backend, last, 1)) {
      refused(
          "the model reads out the last step only; sampling a sequence needs an output at every"
              + " step",
          () -> new Sampler(other));
    }
  }

  private static final Sampling FILTERED = new Sampling(1.2f, 4, 0.97f, 0.02f, 1.3f, 5);

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aSequenceIsTheSameAloneAndAmongOthers(String device) {
    int[][] primes = {{1}, {2, 1, 0}, {3, 3}, {0, 1, 2, 3, 0}, {1}};
    try (Backend other = Devices.open(device);
        SequenceModel same = new SequenceModel(other, SPEC, 1);
        Sampler three = new Sampler(same, 3);
        Sampler one = new Sampler(same)) {
      int[][] together = three.sample(primes, 40, List.of(), FILTERED);
      for (int i = 0; i < primes.length; i++) {
        List<Integer> alone = new ArrayList<>();
        one.sample(
            new int[][] {primes[i]},
            i,
            FILTERED,
            (sequence, token) -> {
              alone.add(token);
              return alone.size() < 40;
            });
        assertArrayEquals(together[i], alone.stream().mapToInt(Integer::intValue).toArray());
      }
      assertFalse(Arrays.equals(together[0], together[4]), "two sequences have one stream");
      try (Sampler java = new Sampler(model, 3)) { // the same weights
        assertArrayEquals(java.sample(primes, 40, List.of(), FILTERED), together);
      }
    }
  }

  /** The first draws of many sequences against the exact distribution after all filters. */
  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void firstTokensOfManySequencesFollowTheFilteredDistribution(String device) {
    int draws = device.startsWith("cuda") ? 512 : 4096;
    int size = 9;
    SequenceModelSpec spec = SequenceModelSpec.languageModel(size, 6).hiddenSize(12).build();
    try (Backend other = Devices.open(device);
        SequenceModel same = new SequenceModel(other, spec, 3);
        Sampler many = new Sampler(same, 256)) {
      List<NamedTensor> larger = new ArrayList<>(); // so that tokens differ in probability
      for (NamedTensor tensor : same.tensors()) {
        float[] values = tensor.values().clone();
        for (int i = 0; i < values.length; i++) {
          values[i] *= 2.5f;
        }
        larger.add(new NamedTensor(tensor.name(), tensor.shape(), values));
      }
      same.load(larger);
      float[] logits = same.forward(2, 1, new int[] {1, 2}, null, null).readFloats();
      for (Sampling sampling :
          List.of(
              new Sampling(1.5f, 0, 1f, 8),
              new Sampling(1f, 5, 0.8f, 8),
              new Sampling(0.8f, 0, 1f, 0.3f, 3f, 8),
              new Sampling(0.4f, 0, 1f, 0f, 9f, 8))) {
        double[] expected = filtered(Arrays.copyOfRange(logits, size, 2 * size), sampling, 1, 2);
        int[] counts = new int[size];
        int[][] primes = new int[draws][];
        Arrays.fill(primes, new int[] {1, 2});
        for (int[] drawn : many.sample(primes, 1, List.of(), sampling)) {
          counts[drawn[0]]++;
        }
        double chiSquare = 0;
        int kept = 0;
        for (int token = 0; token < size; token++) {
          if (expected[token] == 0) {
            assertEquals(0, counts[token], "token " + token + " is outside what was kept");
          } else {
            double mean = expected[token] * draws;
            chiSquare += (counts[token] - mean) * (counts[token] - mean) / mean;
            kept++;
          }
        }
        // Exceeded with a probability of 1e-4 at 8 degrees of freedom.
        assertTrue(chiSquare < 31.8 && kept > 1, sampling + ": chi² " + chiSquare);
        boolean filters = sampling.topK() > 0 || sampling.minP() > 0;
        assertEquals(filters, kept < size, sampling + " keeps " + kept);
      }
    }
  }

  /** Penalty, temperature, top-k, top-p, min-p, in the plainest form. */
  private static double[] filtered(float[] logits, Sampling sampling, int... seen) {
    double[] weights = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      double logit = logits[i];
      for (int token : seen) {
        if (token == i) {
          double penalty = sampling.repetitionPenalty();
          logit = logit > 0 ? logit / penalty : logit * penalty;
        }
      }
      weights[i] = Math.exp(logit / sampling.temperature());
    }
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < logits.length; i++) {
      order.add(i);
    }
    order.sort((a, b) -> Double.compare(weights[b], weights[a]));
    int kept = sampling.topK() == 0 ? logits.length : sampling.topK();
    double total = order.subList(0, kept).stream().mapToDouble(i -> weights[i]).sum();
    double sum = 0;
    int nucleus = 0;
    while (nucleus < kept && (nucleus == 0 || sum < sampling.topP() * total)) {
      sum += weights[order.get(nucleus++)];
    }
    double[] result = new double[logits.length];
    double left = 0;
    for (int i : order.subList(0, nucleus)) {
      if (weights[i] >= sampling.minP() * weights[order.get(0)]) {
        result[i] = weights[i];
        left += weights[i];
      }
    }
    for (int i = 0; i < result.length; i++) {
      result[i] /= left;
    }
    return result;
  }

  @Test
  void aStopEndsOneSequenceAndNoOther() {
    int[][] primes = {{1}, {2}, {3}};
    try (Sampler three = new Sampler(model, 3)) {
      Sampling sampling = Sampling.ofTemperature(1, 6);
      int[][] whole = three.sample(primes, 60, List.of(), sampling);
      int[][] stopped = three.sample(primes, 60, List.of(new int[] {2}), sampling);
      int[][] byText = three.sample(primes, 60, List.of(new int[] {0, 3, 1}), sampling);
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(before(whole[i], 2), stopped[i]);
        assertArrayEquals(before(whole[i], 0, 3, 1), byText[i]);
      }
      refused(
          "token 0 of stop 0 is 4; a vocabulary of 4 needs 0 to 3",
          () -> three.sample(primes, 9, List.of(new int[] {4}), sampling));
    }
  }

  private static int[] before(int[] tokens, int... stop) {
    for (int i = 0; i + stop.length <= tokens.length; i++) {
      if (Arrays.equals(stop, Arrays.copyOfRange(tokens, i, i + stop.length))) {
        return Arrays.copyOf(tokens, i);
      }
    }
    return tokens;
  }

  @Test
  void whatIsHandedOnEarlyIsWhatIsReturned() {
    int[][] primes = {{1}, {2}, {3}};
    List<int[]> stops = List.of(new int[] {0, 3, 1}, new int[] {2, 2});
    try (Sampler two = new Sampler(model, 2)) {
      List<List<Integer>> heard = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      int[][] drawn =
          two.sample(
              primes,
              50,
              stops,
              Sampling.ofTemperature(1, 6),
              (sequence, token) -> heard.get(sequence).add(token));
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(drawn[i], heard.get(i).stream().mapToInt(Integer::intValue).toArray());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aSearchFindsTheLikeliestContinuations(String device) {
    int[] prime = {2, 0, 1};
    try (Backend other = Devices.open(device);
        SequenceModel same = new SequenceModel(other, SPEC, 1);
        Sampler its = new Sampler(same)) {
      List<Hypothesis> all = its.search(prime, new BeamSearch(64, 3, 0), -1);
      assertEquals(64, all.size());
      double sum = 0;
      for (int i = 0; i < 64; i++) {
        Hypothesis found = all.get(i);
        assertEquals(logProbability(same, prime, found.tokens()), found.score(), 1e-5);
        assertTrue(i == 0 || found.score() <= all.get(i - 1).score());
        sum += Math.exp(found.score());
      }
      assertEquals(1, sum, 1e-5); // so none is there twice
      assertArrayEquals(
          its.sample(prime, 12, Sampling.greedy()),
          its.search(prime, BeamSearch.greedy(12), -1).get(0).tokens());
      assertArrayEquals(
          all.get(0).tokens(), its.search(prime, new BeamSearch(64, 3, 0), -1).get(0).tokens());
    }
  }

  private static double logProbability(SequenceModel model, int[] prime, int[] tokens) {
    int[] whole = Arrays.copyOf(prime, prime.length + tokens.length);
    System.arraycopy(tokens, 0, whole, prime.length, tokens.length);
    float[] logits = model.forward(whole.length, 1, whole, null, null).readFloats();
    double sum = 0;
    for (int t = prime.length; t < whole.length; t++) {
      double total = 0;
      for (int i = 0; i < 4; i++) {
        total += Math.exp(logits[(t - 1) * 4 + i]);
      }
      sum += logits[(t - 1) * 4 + whole[t]] - Math.log(total);
    }
    return sum;
  }

  /** Neither drawn, nor found by a search, nor started from; all others still are. */
  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void excludedTokensAreNeverWritten(String device) {
    int[][] primes = {{1}, {2}, {0, 3}};
    try (Backend other = Devices.open(device);
        SequenceModel same = new SequenceModel(other, SPEC, 1);
        Sampler all = new Sampler(same, 3);
        Sampler some = new Sampler(same, 3, Set.of(3, 1))) {
      Sampling hot = new Sampling(2f, 0, 1f, 0f, 1.5f, 4);
      int[][] drawn = some.sample(primes, 40, List.of(), hot);
      for (int[] sequence : drawn) {
        assertTrue(Arrays.stream(sequence).allMatch(token -> token == 0 || token == 2));
        assertEquals(2, Arrays.stream(sequence).distinct().count());
      }
      assertTrue(contains(all.sample(primes, 40, List.of(), hot), 1)); // it can draw them
      for (Hypothesis found : some.search(primes[2], new BeamSearch(8, 3, 0), 1)) {
        assertEquals(3, found.tokens().length); // never ended, as token 1 is excluded
        assertTrue(Arrays.stream(found.tokens()).allMatch(token -> token == 0 || token == 2));
      }
      assertEquals(8, some.search(primes[2], new BeamSearch(8, 3, 0), -1).size());
      for (int i = 0; i < 50; i++) {
        assertTrue(Set.of(0, 2).contains(some.randomStart(5, i)));
      }
    }
  }

  private static boolean contains(int[][] drawn, int token) {
    return Arrays.stream(drawn).flatMapToInt(Arrays::stream).anyMatch(t -> t == token);
  }

  @Test
  void excludedTokensAreTokensAndLeaveOne() {
    refused(
        "token 4 is to be excluded; a vocabulary of 4 needs 0 to 3",
        () -> new Sampler(model, 1, Set.of(2, 4)));
    refused(
        "all 4 tokens are to be excluded; needed 1 that is not",
        () -> new Sampler(model, 1, Set.of(0, 1, 2, 3)));
  }

  @Test
  void randomStartsReachEveryToken() {
    int[] counts = new int[4];
    for (int i = 0; i < 400; i++) {
      counts[sampler.randomStart(9, i)]++;
    }
    for (int count : counts) {
      assertEquals(100, count, 40);
    }
  }
}
