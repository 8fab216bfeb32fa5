package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models that start from a state which is learned, on texts that are read window by window. */
final class LearnedStreamsTest {
  private static final String START = "initial_state.values";

  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(7, 5)
          .cell(CellType.LSTM)
          .hiddenSize(6)
          .layers(2)
          .dropout(0.3f)
          .learnedInitialState(true)
          .build();

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  /** A state that matters, and weights of which it can make something. */
  private static SequenceModel model(Backend backend, SequenceModelSpec spec) {
    SequenceModel model = new SequenceModel(backend, spec, 3);
    SplittableRandom random = new SplittableRandom(11);
    List<NamedTensor> tensors = new ArrayList<>();
    for (NamedTensor tensor : model.tensors()) {
      float[] values = tensor.values().clone();
      for (int i = 0; i < values.length; i++) {
        values[i] = tensor.name().equals(START) ? (float) random.nextDouble(-1, 1) : 2f * values[i];
      }
      tensors.add(new NamedTensor(tensor.name(), tensor.shape(), values));
    }
    model.load(tensors);
    return model;
  }

  private static int[] text(int count) {
    return new SplittableRandom(8).ints(count, 0, 7).toArray();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aTextThatIsReadInWindowsIsTheTextReadAtOnce(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC)) {
      double whole = Evaluator.evaluateText(model, text(40), 39, 1).sum();
      for (int timeSteps : new int[] {1, 7, 38}) {
        assertEquals(whole, Evaluator.evaluateText(model, text(40), timeSteps, 1).sum(), 1e-4);
      }
      float[] zeros = new float[2 * 2 * 6];
      List<NamedTensor> unlearned = new ArrayList<>(model.tensors());
      unlearned.replaceAll(
          t -> t.name().equals(START) ? new NamedTensor(START, t.shape(), zeros) : t);
      model.load(unlearned);
      assertTrue(Math.abs(whole - Evaluator.evaluateText(model, text(40), 39, 1).sum()) > 0.01);
    }
  }

  /** The likeliest token after all that went before, from the whole of it each time. */
  private static int[] byHand(SequenceModel model, int[] prime, int length) {
    int[] all = prime;
    for (int i = 0; i < length; i++) {
      float[] y = model.forward(all.length, 1, all, null, null).readFloats();
      int from = (all.length - 1) * 7;
      int best = 0;
      for (int v = 1; v < 7; v++) {
        best = y[from + v] > y[from + best] ? v : best;
      }
      all = Arrays.copyOf(all, all.length + 1);
      all[all.length - 1] = best;
    }
    return Arrays.copyOfRange(all, prime.length, all.length);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void whatIsSampledOrSearchedForStartsFromTheLearnedState(String device) {
    Sampling likeliest = new Sampling(0f, 0, 1f, 1);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Sampler alone = new Sampler(model);
        Sampler beside = new Sampler(model, 3)) {
      int[][] primes = {{4}, {2, 6, 1}, {0, 3}};
      int[][] together = beside.sample(primes, 6, List.of(), likeliest);
      for (int repeat = 0; repeat < 2; repeat++) {
        for (int i = 0; i < primes.length; i++) {
          int[] expected = byHand(model, primes[i], 6);
          assertArrayEquals(expected, alone.sample(primes[i], 6, likeliest));
          assertArrayEquals(expected, together[i]);
          int[] found = alone.search(primes[i], BeamSearch.greedy(6), -1).get(0).tokens();
          assertArrayEquals(expected, found);
        }
      }
    }
  }

  /** Three windows an epoch: the state that is learned has a gradient in the first alone. */
  @ParameterizedTest
  @MethodSource("devices")
  void theStartLearnsFromTheWindowsThatStart(String device) {
    TokenStreams source = new TokenStreams(text(31), 2, 5);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, SPEC);
        Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 1)) {
      for (int step = 0; step < 9; step++) {
        float[] before = model.weights().value(START);
        float[] others = model.weights().value("output.weights");
        trainer.step(source);
        boolean same = Arrays.equals(before, model.weights().value(START));
        assertEquals(step % 3 != 0, same, device + " step " + step);
        assertFalse(Arrays.equals(others, model.weights().value("output.weights")));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRunThatWasStoppedGoesOnBitForBit(String device) {
    TokenStreams plain = new TokenStreams(text(31), 2, 5);
    TrainingOptionsTest.assertResumes(device, SPEC, Optimizer.adam(0.01f), plain);
    TokenStreams overlapping = new TokenStreams(text(31), 2, 5, 2);
    TrainingOptionsTest.assertResumes(device, SPEC, Optimizer.adam(0.01f), overlapping);
  }

  private static Window series(boolean starts, float target) {
    float[] x = {0.5f, -1f, 0.25f, 1f};
    float[] targets = {1f, target, 0f, 1f};
    return new SeriesWindow(2, 2, new Values.Reals(x), new Values.Reals(targets), null, starts);
  }

  /** The streams have not started yet if the step that should have is skipped. */
  @ParameterizedTest
  @MethodSource("devices")
  void afterASkippedStartTheNextWindowStartsAlsoInAResumedRun(String device) {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 1)
            .hiddenSize(3)
            .loss(Loss.meanSquaredError())
            .learnedInitialState(true)
            .build();
    Window good = series(false, 1f);
    try (Backend backend = Devices.open(device);
        SequenceModel model = model(backend, spec);
        Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 1);
        SequenceModel other = new SequenceModel(backend, spec, 9);
        Trainer resumed = new Trainer(other, Optimizer.sgd(0.1f), Clipping.none(), 1)) {
      assertTrue(trainer.step(series(true, Float.POSITIVE_INFINITY)).skipped());
      TrainerSnapshot snapshot = trainer.snapshot();
      NamedTensor mark = snapshot.carriedState().get(1);
      assertEquals("state_mark.recurrent", mark.name());
      assertEquals(NetworkState.STARTS, mark.values()[0]);
      resumed.restore(snapshot);
      for (int step = 0; step < 3; step++) {
        float[] before = model.weights().value(START);
        assertEquals(trainer.step(good).loss(), resumed.step(good).loss());
        assertEquals(step > 0, Arrays.equals(before, model.weights().value(START)));
        assertArrayEquals(model.parameters().readFloats(), other.parameters().readFloats());
      }
      assertEquals(NetworkState.GOES_ON, trainer.snapshot().carriedState().get(1).values()[0]);
    }
  }
}
