package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.NamedTensor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** An update of several windows is that of one batch which has all their sequences. */
@Tag("gpu")
class AccumulatedStepsTest {
  private static final int TIME_STEPS = 5;
  private static final int BATCH_SIZE = 3;
  private static final int CLASSES = 7;

  private static SequenceModelSpec spec(CellType cell) {
    return SequenceModelSpec.languageModel(CLASSES, 4).cell(cell).hiddenSize(6).layers(2).build();
  }

  /** Streams of which each window has three; targets that count are of different number. */
  private record Streams(int windows, boolean together, boolean resets) implements WindowSource {
    @Override
    public long windowsPerEpoch() {
      return together ? 1 : windows;
    }

    @Override
    public Window window(long epoch, long index) {
      int first = together ? 0 : (int) index;
      int count = together ? windows : 1;
      int batchSize = count * BATCH_SIZE;
      int[] tokens = new int[TIME_STEPS * batchSize];
      int[] targets = new int[tokens.length];
      for (int w = 0; w < count; w++) {
        SplittableRandom random = new SplittableRandom(epoch * 100 + first + w);
        for (int t = 0; t < TIME_STEPS; t++) {
          for (int b = 0; b < BATCH_SIZE; b++) {
            int at = t * batchSize + w * BATCH_SIZE + b;
            tokens[at] = random.nextInt(CLASSES);
            targets[at] = random.nextInt(2 + first + w) == 0 ? -1 : random.nextInt(CLASSES);
          }
        }
      }
      return new TokenWindow(TIME_STEPS, batchSize, tokens, targets, null, resets || index == 0);
    }
  }

  private static void assertClose(List<NamedTensor> expected, List<NamedTensor> actual) {
    for (int i = 0; i < expected.size(); i++) {
      float[] values = actual.get(i).values();
      for (int j = 0; j < values.length; j++) {
        assertEquals(
            expected.get(i).values()[j], values[j], 2e-6f, expected.get(i).name() + "[" + j + "]");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void severalWindowsAreOneBatch(String device) {
    for (CellType cell : List.of(CellType.RNN_TANH, CellType.GRU_RESET_AFTER, CellType.LSTM)) {
      try (Backend backend = Devices.open(device);
          SequenceModel one = new SequenceModel(backend, spec(cell), 5);
          SequenceModel several = new SequenceModel(backend, spec(cell), 5);
          Trainer whole = new Trainer(one, Optimizer.sgd(0.5f), Clipping.byGlobalNorm(0.3f), 1);
          Trainer parts =
              new Trainer(several, Optimizer.sgd(0.5f), Clipping.byGlobalNorm(0.3f), 1)) {
        for (int step = 0; step < 4; step++) { // replayed from the second on
          TrainStep expected = whole.step(new Streams(4, true, true));
          TrainStep actual = parts.accumulated(new Streams(4, false, true), 4);
          assertEquals(expected.loss().mean(), actual.loss().mean(), 1e-5);
          assertEquals(expected.loss().predictions(), actual.loss().predictions());
          assertEquals(expected.gradientNorm(), actual.gradientNorm(), 1e-4f);
          assertClose(one.tensors(), several.tensors());
        }
        assertEquals(4, parts.progress().steps());
        assertEquals(4, parts.progress().epoch());
      }
    }
  }

  /** The rest of an epoch is an update of its own, and streams go on from window to window. */
  @Test
  void theLastUpdateOfAnEpochHasWhatIsLeft() {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(CellType.LSTM), 5);
        SequenceModel other = new SequenceModel(backend, spec(CellType.LSTM), 5);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.none(), 1);
        Trainer unchanged = new Trainer(other, Optimizer.sgd(1e-30f), Clipping.none(), 1)) {
      WindowSource streams = new Streams(5, false, false);
      double sum = 0;
      for (int window = 0; window < 3; window++) {
        sum += unchanged.step(streams).loss().sum();
      }
      assertEquals(sum, trainer.accumulated(streams, 3).loss().sum(), 1e-4);
      assertEquals(3, trainer.progress().position());
      trainer.accumulated(streams, 3);
      assertEquals(0, trainer.progress().position());
      assertEquals(1, trainer.progress().epoch());
      assertEquals(2, trainer.progress().updates());
      assertThrows(IllegalArgumentException.class, () -> trainer.accumulated(streams, 0));
    }
  }

  /** A window that does not fit, wherever in the update, leaves everything as it was. */
  @Test
  void aWindowThatDoesNotFitChangesNothing() {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(CellType.LSTM), 5);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.none(), 1)) {
      WindowSource good = new Streams(6, false, false);
      trainer.accumulated(good, 2);
      TrainerSnapshot before = trainer.snapshot();
      for (int bad = 2; bad < 4; bad++) {
        int at = bad;
        WindowSource spoilt =
            new WindowSource() {
              @Override
              public long windowsPerEpoch() {
                return 6;
              }

              @Override
              public Window window(long epoch, long index) {
                TokenWindow window = (TokenWindow) good.window(epoch, index);
                if (index == at) {
                  Arrays.fill(window.tokens(), CLASSES);
                }
                return window;
              }
            };
        assertThrows(IllegalArgumentException.class, () -> trainer.accumulated(spoilt, 2));
        TrainerSnapshot after = trainer.snapshot();
        assertEquals(before.progress(), after.progress());
        assertClose(before.parameters(), after.parameters());
        assertClose(before.carriedState(), after.carriedState());
      }
      assertTrue(Double.isFinite(trainer.accumulated(good, 2).loss().mean()));
    }
  }
}
