package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.Activate;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Embedding;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkState;
import dev.sequor.module.Recurrent;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models whose output layer is an adaptive softmax. */
class AdaptiveSoftmaxTest {
  private static final int V = 60;

  private static NetworkModelSpec spec(int hiddenSize) {
    return new NetworkModelSpec(
        Network.builder()
            .tokens("text", V)
            .add("embedding", new Embedding(V, 6), "text")
            .add("stack", Recurrent.of(CellType.GRU_RESET_BEFORE, 6, hiddenSize), "embedding")
            .add("classes", new AdaptiveSoftmax(hiddenSize, V, List.of(8, 24), 2), "stack")
            .build(),
        Loss.softmaxCrossEntropy());
  }

  static Stream<String> devices() {
    return UsableBackends.names();
  }

  /** Each token follows from the one before it; small ones come more often. */
  private static Window window(long number) {
    SplittableRandom random = new SplittableRandom(number);
    int[] tokens = new int[12 * 8];
    int[] targets = new int[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = random.nextInt(1 + random.nextInt(V));
      targets[i] = (tokens[i] * 7 + 3) % V;
    }
    return new TokenWindow(12, 8, tokens, targets, null, true);
  }

  private static final WindowSource SOURCE =
      new WindowSource() {
        @Override
        public long windowsPerEpoch() {
          return 1000;
        }

        @Override
        public Window window(long epoch, long index) {
          return AdaptiveSoftmaxTest.window(index);
        }
      };

  /** Windows differ in how many rows each cluster has, and so in the work that is recorded. */
  @ParameterizedTest
  @MethodSource("devices")
  void aSuccessionIsLearned(String device) {
    boolean slow = device.equals("cuda");
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec(slow ? 16 : 32), 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.03f), Clipping.byGlobalNorm(1), 2)) {
      Window heldOut = window(-1);
      double before = model.loss(heldOut, null).mean();
      trainer.steps(SOURCE, slow ? 60 : 250);
      double after = model.loss(heldOut, null).mean();
      assertTrue(
          after < (slow ? 2.5 : 0.5), () -> device + ": " + after + " nats, first " + before);
    }
  }

  private static double[] losses(String device) {
    double[] losses = new double[12];
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec(7), 1);
        Trainer trainer = new Trainer(model, Optimizer.sgd(0.5f), Clipping.byGlobalNorm(1), 2)) {
      for (int i = 0; i < losses.length; i++) {
        TokenWindow window = (TokenWindow) window(i);
        int[] targets = window.targets().clone();
        for (int r = 0; r < targets.length; r++) {
          // Now all of the short list, now of one cluster as well, now of all.
          targets[r] %= new int[] {8, 24, V}[i % 3];
        }
        losses[i] =
            trainer.step(new TokenWindow(12, 8, window.tokens(), targets, null, true)).loss().sum();
      }
    }
    return losses;
  }

  /** Which clusters have rows changes from step to step, and with it what a step must do. */
  @ParameterizedTest
  @MethodSource("devices")
  void aStepThatIsRecordedFollowsTheClustersOfItsWindow(String device) {
    assertArrayEquals(losses("java"), losses(device), 0.02);
  }

  /**
   * What is drawn is distributed as the loss says: the probabilities of all classes sum to one, and
   * a sampler at temperature 0 draws the likeliest.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void lossesOfAllClassesAreADistributionAndSamplingFollowsIt(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec(10), 4);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.05f), Clipping.none(), 2);
        Sampler sampler = new Sampler(model);
        NetworkState state = model.newState(1)) {
      for (int i = 0; i < 12; i++) {
        trainer.step(window(i));
      }
      for (int token : new int[] {3, 40}) {
        double total = 0;
        double[] p = new double[V];
        int best = 0;
        for (int w = 0; w < V; w++) {
          Window next = new TokenWindow(1, 1, new int[] {token}, new int[] {w}, null, true);
          p[w] = Math.exp(-model.loss(next, state).sum());
          total += p[w];
          best = p[w] > p[best] ? w : best;
        }
        assertEquals(1, total, 1e-5);
        assertArrayEquals(
            new int[] {best}, sampler.sample(new int[] {token}, 1, new Sampling(0f, 0, 1f, 1)));
        if (device.equals("cuda")) {
          continue; // the simulator is slow, and draws what the others draw: see below
        }
        int draws = 600;
        double[] counts = new double[V];
        for (int seed = 0; seed < draws; seed++) {
          counts[sampler.sample(new int[] {token}, 1, Sampling.ofTemperature(1f, seed))[0]]++;
        }
        double chiSquare = 0;
        int cells = 0;
        double restExpected = 0;
        double restCount = 0;
        for (int w = 0; w < V; w++) {
          if (p[w] * draws >= 5) {
            chiSquare += Math.pow(counts[w] - p[w] * draws, 2) / (p[w] * draws);
            cells++;
          } else {
            restExpected += p[w] * draws;
            restCount += counts[w];
          }
        }
        if (restExpected > 1) {
          chiSquare += Math.pow(restCount - restExpected, 2) / restExpected;
        }
        // The mean of the distribution is its degrees of freedom, its variance twice that.
        double bound = cells + 5 * Math.sqrt(2.0 * cells) + 5;
        assertTrue(chiSquare < bound, device + ": chi-square " + chiSquare + " of " + cells);
      }
    }
  }

  private static int[] text(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec(10), 4);
        Sampler sampler = new Sampler(model)) {
      return sampler.sample(new int[] {3, 40}, 60, Sampling.ofTemperature(1f, 9));
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void everyDeviceDrawsTheSameText(String device) {
    assertArrayEquals(text("java"), text(device));
  }

  /** Of the short list and of a cluster. */
  @ParameterizedTest
  @MethodSource("devices")
  void excludedTokensAreNeverDrawn(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec(10), 4);
        Sampler all = new Sampler(model);
        Sampler some = new Sampler(model, 1, Set.of(0, V - 1))) {
      Set<Integer> seen = new HashSet<>();
      int draws = device.equals("cuda") ? 40 : 2000;
      for (int token : some.sample(new int[] {3}, draws, Sampling.ofTemperature(1f, 2))) {
        seen.add(token);
      }
      assertFalse(seen.contains(0) || seen.contains(V - 1));
      assertTrue(device.equals("cuda") || seen.size() == V - 2, seen.toString());
      int[] greedy = all.sample(new int[] {3}, 1, Sampling.greedy());
      try (Sampler not = new Sampler(model, 1, Set.of(greedy[0]))) {
        assertNotEquals(greedy[0], not.sample(new int[] {3}, 1, Sampling.greedy())[0]);
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertEquals(
        "cutoffs is [8, 8]; needed rising numbers, 1 to 59",
        refusal(() -> new AdaptiveSoftmax(4, V, List.of(8, 8), 2)));
    assertEquals(
        "cutoffs is [60]; needed rising numbers, 1 to 59",
        refusal(() -> new AdaptiveSoftmax(4, V, List.of(60), 2)));
    assertEquals(
        "cutoffs is empty; needed at least 1",
        refusal(() -> new AdaptiveSoftmax(4, V, List.of(), 2)));
    assertEquals(
        "the loss of an adaptive softmax is MEAN_SQUARED_ERROR; needed SOFTMAX_CROSS_ENTROPY",
        refusal(() -> new NetworkModelSpec(spec(4).network(), Loss.meanSquaredError())));
    Network early =
        Network.builder()
            .vectors("x", 4)
            .add("classes", new AdaptiveSoftmax(4, V, List.of(8), 2), "x")
            .add("y", new Activate(Activation.TANH), "classes")
            .build();
    assertEquals(
        "node 'classes' is an adaptive softmax; needed as the output of the network, which is 'y'",
        refusal(() -> new NetworkModelSpec(early, Loss.softmaxCrossEntropy())));
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(4), 4)) {
      Window bad = new TokenWindow(1, 1, new int[1], new int[] {V}, null, true);
      assertEquals(
          "target at t=0 b=0 is 60; 60 outputs need 0 to 59, or a negative number for none",
          refusal(() -> model.loss(bad, null)));
    }
  }

  private static String refusal(Runnable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
