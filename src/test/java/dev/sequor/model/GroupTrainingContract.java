package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.Devices;
import dev.sequor.contract.Closeness;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What training on several devices owes to whoever has trained on one. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class GroupTrainingContract {
  private static final int VOCABULARY = 11;
  private static final int TIME_STEPS = 7;
  private static final int BATCH_SIZE = 5; // which neither 2 nor 4 divides

  /** Lists of devices. */
  abstract Stream<String> groups();

  /** What products of these devices multiply if they are told to, besides float32. */
  abstract Stream<String> reducedModes(String devices);

  private static SequenceModelSpec spec(CellType cell, boolean bidirectional) {
    return SequenceModelSpec.languageModel(VOCABULARY, 6)
        .cell(cell)
        .layers(2)
        .hiddenSize(9)
        .bidirectional(bidirectional)
        .dropout(0.3f)
        .build();
  }

  private static SequenceModelSpec streams() {
    return spec(CellType.LSTM, false);
  }

  private static Window window(long number, int batchSize, boolean ragged, boolean resetState) {
    SplittableRandom random = new SplittableRandom(number);
    int[] tokens = random.ints((long) TIME_STEPS * batchSize, 0, VOCABULARY).toArray();
    int[] targets = Arrays.stream(tokens).map(token -> (token * 3 + 1) % VOCABULARY).toArray();
    int[] lengths = ragged ? random.ints(batchSize, 0, TIME_STEPS + 1).toArray() : null;
    if (lengths != null) {
      lengths[batchSize - 1] = TIME_STEPS;
    }
    return new TokenWindow(TIME_STEPS, batchSize, tokens, targets, lengths, resetState);
  }

  /** Streams that go on from window to window. */
  private static final WindowSource STREAMS =
      new WindowSource() {
        @Override
        public long windowsPerEpoch() {
          return 6;
        }

        @Override
        public Window window(long epoch, long index) {
          return GroupTrainingContract.window(100 * epoch + index, BATCH_SIZE, false, index == 0);
        }
      };

  /** A trainer with all that it stands on. */
  private static final class Training implements AutoCloseable {
    final DeviceGroup group;
    final SequenceModel model;
    final Trainer trainer;

    Training(String devices, SequenceModelSpec spec) {
      this(devices, BackendSettings.defaults(), spec);
    }

    Training(String devices, BackendSettings settings, SequenceModelSpec spec) {
      group = DeviceGroup.open(devices, settings);
      model = new SequenceModel(group.first(), spec, 3);
      trainer = new Trainer(group, model, Optimizer.adam(0.01f), Clipping.byGlobalNorm(0.5f), 7);
    }

    /** The gradient of the last step, on the first device. */
    List<NamedTensor> gradient() {
      return model.layout().split(model.weights().gradients().readFloats(), "");
    }

    /** The weights of each device. */
    List<float[]> weights() {
      return group.onEach(
          member -> trainer.replica(member.index()).model().parameters().readFloats());
    }

    @Override
    public void close() {
      trainer.close();
      model.close();
      group.close();
    }
  }

  private static String one(String devices) {
    return devices.substring(0, devices.indexOf(','));
  }

  /** The gradient of each tensor, and the loss that it is of. */
  private record Gradient(List<NamedTensor> tensors, BatchLoss loss) {
    static Gradient of(String devices, SequenceModelSpec spec, Window window) {
      try (Training training = new Training(devices, spec)) {
        BatchLoss loss = training.trainer.gradient(window);
        return new Gradient(training.gradient(), loss);
      }
    }

    void assertCloseTo(Gradient expected, Closeness bars) {
      assertEquals(expected.loss.predictions(), loss.predictions());
      double mean = expected.loss.mean();
      assertEquals(mean, loss.mean(), bars.bound() * mean, bars.where() + "loss");
      assertEquals(expected.tensors.size(), tensors.size());
      for (int i = 0; i < tensors.size(); i++) {
        NamedTensor tensor = expected.tensors.get(i);
        bars.check(tensor.name(), tensor.values(), tensors.get(i).values());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void gradientsAreThoseOfOneDevice(String devices) {
    for (CellType cell : List.of(CellType.LSTM, CellType.GRU_RESET_AFTER, CellType.RNN_TANH)) {
      for (boolean bidirectional : new boolean[] {false, true}) {
        SequenceModelSpec spec = spec(cell, bidirectional);
        for (boolean ragged : new boolean[] {false, true}) {
          Window window = window(17, BATCH_SIZE, ragged, true);
          String where =
              devices + " " + cell + (bidirectional ? " both" : "") + (ragged ? " ragged" : "");
          Gradient.of(devices, spec, window)
              .assertCloseTo(Gradient.of(one(devices), spec, window), Closeness.FLOAT32.in(where));
        }
      }
    }
  }

  /** A step, for fp16 gives no gradients without one; they are all of the same loss scale. */
  private static Gradient stepped(String devices, String mode, Window window) {
    BackendSettings settings = BackendSettings.builder().mathMode(mode).build();
    try (Training training = new Training(devices, settings, streams())) {
      TrainStep step = training.trainer.step(window);
      assertTrue(!step.skipped() && training.trainer.device().contains(mode), devices);
      return new Gradient(training.gradient(), step.loss());
    }
  }

  Stream<Arguments> groupsAndReducedModes() {
    return groups().flatMap(group -> reducedModes(group).map(mode -> Arguments.of(group, mode)));
  }

  @ParameterizedTest(name = "{0} {1}", allowZeroInvocations = true)
  @MethodSource("groupsAndReducedModes")
  void gradientsOfReducedPrecisionAreThoseOfOneDevice(String devices, String mode) {
    for (boolean ragged : new boolean[] {false, true}) {
      Window window = window(17, BATCH_SIZE, ragged, true);
      Closeness bars = Closeness.of(mode).in(devices + " " + mode);
      Gradient several = stepped(devices, mode, window);
      several.assertCloseTo(stepped(one(devices), mode, window), bars);
      Gradient again = stepped(devices, mode, window);
      for (int i = 0; i < several.tensors.size(); i++) {
        assertArrayEquals(several.tensors.get(i).values(), again.tensors.get(i).values());
      }
      assertEquals(several.loss, again.loss);
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void aDeviceMayHaveNoSequenceOfABatch(String devices) {
    Window window = window(5, 1, false, true);
    Gradient.of(devices, streams(), window)
        .assertCloseTo(Gradient.of(one(devices), streams(), window), Closeness.FLOAT32.in(devices));
  }

  @ParameterizedTest
  @MethodSource("groups")
  void everyStepHasTheSameBitsInEveryRunAndOnEveryDevice(String devices) {
    List<float[]> first = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      try (Training training = new Training(devices, streams())) {
        for (int step = 0; step < 20; step++) {
          training.trainer.step(STREAMS);
          List<float[]> weights = training.weights();
          for (float[] ofDevice : weights) {
            assertArrayEquals(weights.get(0), ofDevice, "step " + step);
          }
          if (run == 0) {
            first.add(weights.get(0));
          } else {
            assertArrayEquals(first.get(step), weights.get(0), "step " + step);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void twentyStepsAreThoseOfOneDevice(String devices) {
    try (Training one = new Training(one(devices), streams());
        Training several = new Training(devices, streams())) {
      for (int step = 0; step < 20; step++) {
        TrainStep expected = one.trainer.step(STREAMS);
        TrainStep actual = several.trainer.step(STREAMS);
        assertEquals(expected.loss().mean(), actual.loss().mean(), 2e-5, "step " + step);
        assertEquals(expected.gradientNorm(), actual.gradientNorm(), 2e-4, "step " + step);
      }
      assertEquals(one.trainer.progress(), several.trainer.progress());
      assertClose(one.trainer.snapshot(), several.trainer.snapshot());
    }
  }

  /** Adam divides by roots of small numbers, so that differences of rounding grow. */
  private static void assertClose(TrainerSnapshot expected, TrainerSnapshot actual) {
    List<NamedTensor> all = new ArrayList<>(expected.parameters());
    all.addAll(expected.carriedState());
    List<NamedTensor> found = new ArrayList<>(actual.parameters());
    found.addAll(actual.carriedState());
    assertEquals(all.size(), found.size());
    for (int i = 0; i < all.size(); i++) {
      assertEquals(all.get(i).name(), found.get(i).name());
      assertEquals(all.get(i).shape(), found.get(i).shape());
      assertArrayEquals(all.get(i).values(), found.get(i).values(), 5e-4f, all.get(i).name());
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void aTrainingGoesOnOnAnotherNumberOfDevices(String devices) {
    String one = one(devices);
    TrainerSnapshot straight;
    try (Training training = new Training(one, streams())) {
      training.trainer.steps(STREAMS, 18);
      straight = training.trainer.snapshot();
    }
    @Nullable TrainerSnapshot between = null;
    for (String on : List.of(devices, one, devices)) { // stops in the middle of epochs
      try (Training training = new Training(on, streams())) {
        if (between != null) {
          training.trainer.restore(between);
          assertEquals(between.progress(), training.trainer.progress());
          assertArrayEquals(
              state(between), state(training.trainer.snapshot()), "the state on " + on);
        }
        training.trainer.steps(STREAMS, between == null ? 4 : 7);
        between = training.trainer.snapshot();
      }
    }
    TrainerSnapshot last = Objects.requireNonNull(between);
    assertEquals(straight.progress(), last.progress());
    assertClose(straight, last);
  }

  private static float[] state(TrainerSnapshot snapshot) {
    List<Float> all = new ArrayList<>();
    for (NamedTensor tensor : snapshot.carriedState()) {
      for (float value : tensor.values()) {
        all.add(value);
      }
    }
    float[] values = new float[all.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = all.get(i);
    }
    return values;
  }

  @ParameterizedTest
  @MethodSource("groups")
  void accumulatedWindowsAreThoseOfOneDevice(String devices) {
    try (Training one = new Training(one(devices), streams());
        Training several = new Training(devices, streams())) {
      for (int step = 0; step < 4; step++) {
        TrainStep expected = one.trainer.accumulated(STREAMS, 4);
        TrainStep actual = several.trainer.accumulated(STREAMS, 4);
        assertEquals(expected.loss().mean(), actual.loss().mean(), 2e-5);
        assertEquals(expected.loss().predictions(), actual.loss().predictions());
      }
      assertClose(one.trainer.snapshot(), several.trainer.snapshot());
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void weightsThatAreReplacedReachAllDevices(String devices) {
    try (Training training = new Training(devices, streams())) {
      training.trainer.step(STREAMS);
      try (SequenceModel other = new SequenceModel(training.group.first(), streams(), 99)) {
        training.model.load(other.tensors());
      }
      training.trainer.step(STREAMS);
      List<float[]> weights = training.weights();
      weights.forEach(ofDevice -> assertArrayEquals(weights.get(0), ofDevice));
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void aWindowThatDoesNotFitChangesNothing(String devices) {
    try (Training training = new Training(devices, streams())) {
      training.trainer.steps(STREAMS, 3);
      TrainerSnapshot before = training.trainer.snapshot();
      int[] tokens = new int[TIME_STEPS * BATCH_SIZE];
      int[] targets = tokens.clone();
      targets[BATCH_SIZE - 1] = VOCABULARY; // of the last device
      Window bad = new TokenWindow(TIME_STEPS, BATCH_SIZE, tokens, targets, null, false);
      String message =
          assertThrows(IllegalArgumentException.class, () -> training.trainer.step(bad))
              .getMessage();
      assertTrue(
          String.valueOf(message).contains("target at t=0")
              && String.valueOf(message).startsWith(one(devices).split(":", -1)[0]),
          message);
      assertEquals(before.progress(), training.trainer.progress());
      assertArrayEquals(state(before), state(training.trainer.snapshot()));
      training.trainer.step(STREAMS);
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void thingsAreClosedInAnyOrder(String devices) {
    for (int order = 0; order < 3; order++) {
      Training training = new Training(devices, streams());
      training.trainer.steps(STREAMS, 3);
      List<AutoCloseable> all = List.of(training.group, training.model, training.trainer);
      for (int i = 0; i < 3; i++) {
        AutoCloseable closing = all.get((order + i) % 3);
        org.junit.jupiter.api.Assertions.assertDoesNotThrow(closing::close);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("groups")
  void aModelOfAnotherDeviceIsRefused(String devices) {
    try (DeviceGroup group = DeviceGroup.open(devices);
        Backend other = Devices.open("java");
        SequenceModel model = new SequenceModel(other, streams(), 1)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> new Trainer(group, model, Optimizer.adam(0.01f), Clipping.none(), 7).close());
    }
  }
}
