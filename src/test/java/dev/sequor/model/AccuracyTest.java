package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.module.NetworkState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How often the likeliest class is the target. */
final class AccuracyTest {
  private static final int V = 5;
  private static final int T = 4;

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  private static SequenceModelSpec.Builder tagger() {
    return SequenceModelSpec.languageModel(V, 3).cell(CellType.GRU_RESET_BEFORE).hiddenSize(6);
  }

  /** Padded, some rows without a target; a sequence may be empty. */
  private static TokenWindow window(int batchSize, boolean everyStep, boolean starts) {
    SplittableRandom random = new SplittableRandom(batchSize + (everyStep ? 100 : 0));
    int[] lengths = new int[batchSize];
    for (int b = 0; b < batchSize; b++) {
      lengths[b] = batchSize == 1 ? 3 : random.nextInt(T + 1);
    }
    int[] tokens = random.ints((long) T * batchSize, 0, V).toArray();
    int[] targets = random.ints(everyStep ? (long) T * batchSize : batchSize, -1, V).toArray();
    return new TokenWindow(T, batchSize, tokens, targets, lengths, starts);
  }

  /** Looks at every output; the window starts from {@code state}, if there is one. */
  private static Accuracy byHand(
      SequenceModel model, TokenWindow window, boolean everyStep, @Nullable NetworkState state) {
    float[] y = model.forward(window, state).readFloats();
    int batchSize = window.batchSize();
    long right = 0;
    long count = 0;
    for (int row = 0; row < window.targets().length; row++) {
      int length = Objects.requireNonNull(window.lengths())[row % batchSize];
      boolean inside = everyStep ? row / batchSize < length : length > 0;
      if (!inside || window.targets()[row] < 0) {
        continue;
      }
      int best = 0;
      for (int v = 1; v < V; v++) {
        best = y[row * V + v] > y[row * V + best] ? v : best;
      }
      count++;
      right += best == window.targets()[row] ? 1 : 0;
    }
    return new Accuracy(right, count);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void targetsThatAreTheLikeliestClassAreCountedAndPaddingIsNot(String device) {
    try (Backend backend = Devices.open(device)) {
      for (Readout readout : Readout.values()) {
        boolean everyStep = readout == Readout.EVERY_STEP;
        List<Loss> losses =
            List.of(Loss.softmaxCrossEntropy(), Loss.labelSmoothedCrossEntropy(0.1f));
        for (Loss loss : losses) {
          SequenceModelSpec spec = tagger().readout(readout).loss(loss).build();
          try (SequenceModel model = new SequenceModel(backend, spec, 4)) {
            Accuracy total = new Accuracy(0, 0);
            List<Window> windows = new ArrayList<>();
            for (int batchSize : new int[] {1, 6, 67}) {
              TokenWindow window = window(batchSize, everyStep, true);
              Accuracy expected = byHand(model, window, everyStep, null);
              assertEquals(expected, Evaluator.accuracy(model, List.of(window)));
              total = total.plus(expected);
              windows.add(window);
            }
            assertEquals(total, Evaluator.accuracy(model, windows));
            assertTrue(total.rate() > 0 && total.rate() < 1, total::toString);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void streamsGoOnAndRowsOfNoWeightCountNothing(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, tagger().build(), 4);
        NetworkState state = model.newState(6)) {
      TokenWindow first = window(6, true, true);
      TokenWindow second = window(6, true, false);
      Accuracy expected =
          byHand(model, first, true, state).plus(byHand(model, second, true, state));
      assertEquals(expected, Evaluator.accuracy(model, List.of(first, second)));
      Accuracy alone = Evaluator.accuracy(model, List.of(first));
      assertEquals(
          new Accuracy(0, 0), Evaluator.accuracy(model, List.of(first.weighted(0, 0, 0, 0, 0, 0))));
      assertEquals(alone, Evaluator.accuracy(model, List.of(first.weighted(1, 2, 3, 0.5f, 1, 9))));
    }
  }

  /** The loss of each class in turn says which is the likeliest. */
  @ParameterizedTest
  @MethodSource("devices")
  void theClassesOfAnAdaptiveSoftmaxCountToo(String device) {
    SequenceModelSpec spec = tagger().adaptiveSoftmax(2, 2, 4).build();
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 4)) {
      TokenWindow window = window(6, true, true);
      int[] lengths = Objects.requireNonNull(window.lengths());
      long right = 0;
      long count = 0;
      for (int row = 0; row < T * 6; row++) {
        if (window.targets()[row] < 0 || row / 6 >= lengths[row % 6]) {
          continue;
        }
        int best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int v = 0; v < V; v++) {
          int[] one = new int[T * 6];
          Arrays.fill(one, -1);
          one[row] = v;
          Window of = new TokenWindow(T, 6, window.tokens(), one, lengths, true);
          double loss = Evaluator.evaluate(model, List.of(of)).sum();
          best = loss < least ? v : best;
          least = Math.min(least, loss);
        }
        count++;
        right += best == window.targets()[row] ? 1 : 0;
      }
      assertEquals(new Accuracy(right, count), Evaluator.accuracy(model, List.of(window)));
      assertTrue(right > 0 && right < count);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aLossThatIsNotOfClassesIsRefused(String device) {
    SequenceModelSpec spec = tagger().loss(Loss.meanSquaredError()).build();
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 4)) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> Evaluator.accuracy(model, List.of(window(6, true, true))));
      assertEquals(
          "the model's loss is MEAN_SQUARED_ERROR; accuracy needs one of classes", e.getMessage());
    }
  }
}
