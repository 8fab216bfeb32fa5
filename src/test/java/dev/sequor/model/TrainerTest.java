package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkState;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

final class TrainerTest {
  private static final Optimizer ADAM = Optimizer.adam(0.01f);
  private static final SequenceModelSpec SMALL =
      SequenceModelSpec.languageModel(5, 3).hiddenSize(4).build();

  private final Backend java = Devices.open("java");

  @AfterEach
  void close() {
    java.close();
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Random bits, to be said again two steps later. */
  private static Window echo(SplittableRandom random, int timeSteps, int batchSize) {
    int[] bits = random.ints((long) timeSteps * batchSize, 0, 2).toArray();
    int[] targets = new int[bits.length];
    for (int i = 0; i < bits.length; i++) {
      targets[i] = i < 2 * batchSize ? -1 : bits[i - 2 * batchSize];
    }
    return new TokenWindow(timeSteps, batchSize, bits, targets, null, true);
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void everyCellLearnsToEchoADelayedBit(CellType cell) {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.oneHot(2), 2).cell(cell).hiddenSize(12).build();
    SplittableRandom random = new SplittableRandom(1);
    try (SequenceModel model = new SequenceModel(java, spec, 1);
        Trainer trainer = new Trainer(model, ADAM, Clipping.byGlobalNorm(1), 1)) {
      BatchLoss first = trainer.step(echo(random, 10, 16)).loss();
      assertEquals(Math.log(2), first.mean(), 0.5);
      assertEquals(8 * 16, first.predictions());
      for (int step = 0; step < 300; step++) {
        trainer.step(echo(random, 10, 16));
      }
      double learned = model.loss(echo(random, 10, 16), null).mean();
      assertTrue(learned < 0.1, "loss " + learned);
    }
  }

  /** Random sequences of 1 to {@code T} bits whose parity is asked for at the end. */
  private static Window parity(SplittableRandom random, int timeSteps, int batchSize) {
    int[] bits = random.ints((long) timeSteps * batchSize, 0, 2).toArray();
    int[] lengths = random.ints(batchSize, 1, timeSteps + 1).toArray();
    float[] targets = new float[batchSize];
    for (int b = 0; b < batchSize; b++) {
      for (int t = 0; t < lengths[b]; t++) {
        targets[b] = (targets[b] + bits[t * batchSize + b]) % 2;
      }
    }
    return new SeriesWindow(
        timeSteps, batchSize, new Values.Tokens(bits), new Values.Reals(targets), lengths, true);
  }

  @ParameterizedTest
  @EnumSource(
      value = CellType.class,
      names = {"GRU_RESET_BEFORE", "GRU_RESET_AFTER", "LSTM"})
  void gatedCellsLearnTheParityOfWholeSequences(CellType cell) {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.embedding(2, 4), 1)
            .cell(cell)
            .hiddenSize(16)
            .readout(Readout.LAST_STEP)
            .loss(Loss.binaryCrossEntropy())
            .build();
    SplittableRandom random = new SplittableRandom(2);
    try (SequenceModel model = new SequenceModel(java, spec, 2);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 2)) {
      for (int step = 0; step < 600; step++) {
        trainer.step(parity(random, 5, 32));
      }
      double learned = model.loss(parity(random, 5, 64), null).mean();
      assertTrue(learned < 0.1, "loss " + learned);
    }
  }

  @Test
  void everyUpdateRuleLowersTheLoss() {
    List<Optimizer> rules =
        List.of(
            Optimizer.sgd(0.5f),
            Optimizer.sgd(0.1f, 0.9f),
            Optimizer.adam(0.02f),
            Optimizer.adamw(0.02f, 0.01f),
            Optimizer.rmsprop(0.01f),
            Optimizer.nesterov(0.1f, 0.9f),
            Optimizer.centeredRmsprop(0.003f, 0.5f),
            Optimizer.adagrad(0.1f),
            Optimizer.lion(0.003f, 0.1f),
            ADAM.withLearningRate(0.02f).with(ADAM.group("recurrent.*").withRate(0.5f)));
    for (Optimizer rule : rules) {
      for (Clipping clipping : List.of(Clipping.none(), new Clipping(1f, 0.5f))) {
        Window window = echo(new SplittableRandom(3), 8, 8);
        SequenceModelSpec spec =
            SequenceModelSpec.builder(InputSpec.oneHot(2), 2).hiddenSize(8).build();
        try (SequenceModel model = new SequenceModel(java, spec, 3);
            Trainer trainer = new Trainer(model, rule, clipping, 3)) {
          double before = model.loss(window, null).mean();
          for (int step = 0; step < 60; step++) {
            trainer.step(window);
          }
          double after = model.loss(window, null).mean();
          assertTrue(after < 0.95 * before, rule + ": " + before + " to " + after);
        }
      }
    }
  }

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRestoredTrainerRepeatsTheUninterruptedRunBitForBit(String device) {
    repeatsTheUninterruptedRun(
        device,
        SequenceModelSpec.languageModel(9, 6).hiddenSize(10).layers(2).dropout(0.3f).build());
  }

  @ParameterizedTest
  @MethodSource("devices")
  void soDoesOneOfCellsWithEveryOption(String device) {
    for (CellType cell : List.of(CellType.LSTM_PEEPHOLE, CellType.GRU_RESET_AFTER)) {
      repeatsTheUninterruptedRun(
          device,
          SequenceModelSpec.languageModel(9, 6)
              .cell(cell)
              .hiddenSize(10)
              .layers(2)
              .dropout(0.3f)
              .options(SampleOptions.everything(cell))
              .build());
    }
  }

  private static void repeatsTheUninterruptedRun(String device, SequenceModelSpec spec) {
    RandomStreams data = new RandomStreams(9, 6, 4, 5);
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 4);
        Trainer uninterrupted = new Trainer(model, ADAM, Clipping.byGlobalNorm(1), 44)) {
      List<TrainerSnapshot> snapshots = new ArrayList<>();
      for (int step = 0; step < 13; step++) {
        snapshots.add(uninterrupted.snapshot());
        uninterrupted.step(data);
      }
      TrainerSnapshot end = uninterrupted.snapshot();
      assertEquals(new TrainerProgress(44, 13, 13, 0, 0, 2, 3, 4), end.progress());
      for (int at : new int[] {0, 1, 5, 7}) {
        try (SequenceModel other = new SequenceModel(backend, spec, 99);
            Trainer resumed = new Trainer(other, ADAM, Clipping.byGlobalNorm(1), 99)) {
          resumed.step(data); // Leaves traces that the snapshot must overwrite.
          resumed.restore(snapshots.get(at));
          for (int step = at; step < 13; step++) {
            resumed.step(data);
          }
          assertSame(end, resumed.snapshot());
        }
      }
    }
  }

  private static void assertSame(TrainerSnapshot expected, TrainerSnapshot actual) {
    assertEquals(expected.progress(), actual.progress());
    assertSame(expected.parameters(), actual.parameters());
    assertSame(expected.moments(), actual.moments());
    assertSame(expected.carriedState(), actual.carriedState());
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).name(), actual.get(i).name());
      assertEquals(expected.get(i).shape(), actual.get(i).shape());
      assertArrayEquals(expected.get(i).values(), actual.get(i).values(), expected.get(i).name());
    }
  }

  @Test
  void dropoutDrawsNewBitsAtEveryStepAndForEverySeed() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(9, 6).hiddenSize(10).layers(2).dropout(0.5f).build();
    Window window = new RandomStreams(9, 6, 4, 5).window(0, 0);
    try (SequenceModel model = new SequenceModel(java, spec, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      List<float[]> gradients = new ArrayList<>();
      for (long[] draw : new long[][] {{1, 0}, {1, 1}, {2, 0}, {1, 0}}) {
        trainer.backpropagate(window, draw[0], draw[1]);
        gradients.add(model.weights().gradients().readFloats());
      }
      assertFalse(Arrays.equals(gradients.get(0), gradients.get(1)));
      assertFalse(Arrays.equals(gradients.get(0), gradients.get(2)));
      assertArrayEquals(gradients.get(0), gradients.get(3));
    }
  }

  @Test
  void aSnapshotThatDoesNotFitIsRefusedAndChangesNothing() {
    RandomStreams data = new RandomStreams(5, 3, 2, 4);
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      trainer.step(data);
      TrainerSnapshot good = trainer.snapshot();
      trainer.step(data);
      TrainerSnapshot now = trainer.snapshot();
      TrainerProgress progress = good.progress();

      List<NamedTensor> short1 = good.parameters().subList(1, good.parameters().size());
      refused(
          "tensor 'embedding.weights' is missing; the model needs it, shaped [5, 3]",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress, LossScale.none(), short1, good.moments(), good.carriedState())));
      List<NamedTensor> extra = new ArrayList<>(good.parameters());
      extra.add(new NamedTensor("more", List.of(1), new float[1]));
      refused(
          "the model has no tensor 'more'",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress, LossScale.none(), extra, good.moments(), good.carriedState())));
      List<NamedTensor> bent = new ArrayList<>(good.parameters());
      bent.set(0, new NamedTensor("embedding.weights", List.of(3, 5), new float[15]));
      refused(
          "tensor 'embedding.weights' has shape [3, 5]; the model needs [5, 3]",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress, LossScale.none(), bent, good.moments(), good.carriedState())));
      List<NamedTensor> broken = new ArrayList<>(good.parameters());
      float[] values = new float[15];
      values[7] = Float.NaN;
      broken.set(0, new NamedTensor("embedding.weights", List.of(5, 3), values));
      refused(
          "tensor 'embedding.weights' holds NaN at element 7; needed finite numbers",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress, LossScale.none(), broken, good.moments(), good.carriedState())));
      int perMoment = good.parameters().size();
      refused(
          "tensor 'moments.1.embedding.weights' is missing; the model needs it, shaped [5, 3]",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress,
                      LossScale.none(),
                      good.parameters(),
                      good.moments().subList(0, perMoment),
                      good.carriedState())));
      refused(
          "the snapshot carries 2 streams and the tensors []; needed [state.recurrent]",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      progress, LossScale.none(), good.parameters(), good.moments(), List.of())));
      assertSame(now, trainer.snapshot());
    }
  }

  @Test
  void windowsThatDoNotFitAreRefusedAndNamed() {
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      int[] six = new int[6];
      refused(
          "the window continues streams, but the trainer carries none; needed a window that resets"
              + " the state first",
          () -> trainer.step(new TokenWindow(3, 2, six, six, null, false)));
      trainer.step(new TokenWindow(3, 2, six, six, null, true));
      refused(
          "the window continues 3 streams; the trainer carries 2",
          () -> trainer.step(new TokenWindow(2, 3, six, six, null, false)));
      int[] unknown = {0, 1, 2, 5, 4, 3};
      refused(
          "token at t=1 b=1 is 5; a vocabulary of 5 needs 0 to 4",
          () -> trainer.step(new TokenWindow(3, 2, unknown, six, null, true)));
      refused(
          "target at t=1 b=1 is 5; 5 outputs need 0 to 4, or a negative number for none",
          () -> trainer.step(new TokenWindow(3, 2, six, unknown, null, true)));
      int[] none = {-1, -1, -1, -1, -1, -1};
      refused(
          "the window has no target that counts; needed at least 1",
          () -> trainer.step(new TokenWindow(3, 2, six, none, null, true)));
      refused(
          "targets holds 2 elements; a batch with T=3 B=2 needs 6",
          () -> trainer.step(new TokenWindow(3, 2, six, new int[2], null, true)));
      refused(
          "the targets are real vectors; SOFTMAX_CROSS_ENTROPY needs tokens",
          () ->
              trainer.step(
                  new SeriesWindow(
                      3, 2, new Values.Tokens(six), new Values.Reals(new float[30]), null, true)));
      refused(
          "the input is real vectors; the model reads tokens of a vocabulary of 5",
          () ->
              trainer.step(
                  new SeriesWindow(
                      3, 2, new Values.Reals(new float[6]), new Values.Tokens(six), null, true)));
      assertEquals(1, trainer.progress().steps());
      // None of these has touched the carried streams.
      trainer.step(new TokenWindow(3, 2, six, six, null, false));
    }
    SequenceModelSpec both =
        SequenceModelSpec.languageModel(5, 3).hiddenSize(4).bidirectional(true).build();
    try (SequenceModel model = new SequenceModel(java, both, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      int[] six = new int[6];
      refused(
          "the window continues the sequences of the one before; this model carries no state from"
              + " window to window, so it needs whole sequences",
          () -> trainer.step(new TokenWindow(3, 2, six, six, null, false)));
    }
  }

  @Test
  void gradientsThatAreNotFiniteSkipTheStepAndAtLastStopTheRun() {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 1)
            .cell(CellType.RNN_TANH)
            .hiddenSize(2)
            .loss(Loss.meanSquaredError())
            .build();
    Values target = new Values.Reals(new float[] {1});
    Window good = new SeriesWindow(1, 1, new Values.Reals(new float[] {1}), target, null, true);
    Window bad =
        new SeriesWindow(1, 1, new Values.Reals(new float[] {Float.NaN}), target, null, true);
    try (SequenceModel model = new SequenceModel(java, spec, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      assertFalse(trainer.step(good).skipped());
      float[] before = model.parameters().readFloats();
      TrainStep skipped = trainer.step(bad);
      assertTrue(skipped.skipped());
      assertTrue(Float.isNaN(skipped.gradientNorm()));
      assertArrayEquals(before, model.parameters().readFloats());
      assertFalse(trainer.step(good).skipped());
      assertEquals(new TrainerProgress(4, 3, 2, 1, 0, 0, 0, 1), trainer.progress());
      for (int step = 0; step < 9; step++) {
        assertTrue(trainer.step(bad).skipped());
      }
      assertEquals(
          "the norm of the gradient is NaN at step 13, not finite in 10 steps in a row (6 of 6 tensors, the one nearest the output 'output.bias', loss NaN);"
              + " needed: a lower learning rate than 0.01, tighter clipping, or finite inputs and"
              + " targets",
          assertThrows(IllegalStateException.class, () -> trainer.step(bad)).getMessage());
    }
  }

  @Test
  void truncatedWindowsWithCarriedStateSeeWhatOneLongWindowSees() {
    RandomStreams streams = new RandomStreams(5, 4, 3, 6);
    int[] tokens = new int[24 * 3];
    int[] targets = new int[24 * 3];
    for (int i = 0; i < 6; i++) {
      TokenWindow window = (TokenWindow) streams.window(0, i);
      System.arraycopy(window.tokens(), 0, tokens, i * 12, 12);
      System.arraycopy(window.targets(), 0, targets, i * 12, 12);
    }
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        NetworkState state = model.newState(3)) {
      float[] whole = model.forward(24, 3, tokens, null, null).readFloats();
      for (int i = 0; i < 6; i++) {
        int[] part = Arrays.copyOfRange(tokens, i * 12, i * 12 + 12);
        float[] outputs = model.forward(4, 3, part, null, state).readFloats();
        float[] expected = Arrays.copyOfRange(whole, i * 60, i * 60 + 60);
        assertArrayEquals(expected, outputs, 1e-6f);
      }
      BatchLoss sum = new BatchLoss(0, 0);
      for (int i = 0; i < 6; i++) {
        sum = sum.plus(model.loss(streams.window(0, i), state));
      }
      BatchLoss all = model.loss(new TokenWindow(24, 3, tokens, targets, null, true), state);
      assertEquals(all.predictions(), sum.predictions());
      assertEquals(all.mean(), sum.mean(), 1e-6);
    }
  }

  @Test
  void theStateIsCarriedWithinAnEpochAndDroppedAtItsEnd() {
    RandomStreams data = new RandomStreams(5, 3, 2, 2);
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      trainer.step(data);
      assertEquals(new TrainerProgress(4, 1, 1, 0, 0, 0, 1, 2), trainer.progress());
      trainer.step(data);
      assertEquals(new TrainerProgress(4, 2, 2, 0, 0, 1, 0, 0), trainer.progress());
      assertTrue(trainer.snapshot().carriedState().isEmpty());
      assertThrows(IllegalArgumentException.class, () -> trainer.step(data.window(0, 1)));
      trainer.step(data);
      assertEquals(new TrainerProgress(4, 3, 3, 0, 0, 1, 1, 2), trainer.progress());
    }
  }

  /** Windows of one value that continue each other; NaN where {@code bad} says so. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Values1(boolean[] bad) implements WindowSource {
    @Override
    public long windowsPerEpoch() {
      return bad.length;
    }

    @Override
    public Window window(long epoch, long index) {
      float x = bad[(int) index] ? Float.NaN : 0.5f + index;
      return new SeriesWindow(
          1,
          2,
          new Values.Reals(new float[] {x, -x}),
          new Values.Reals(new float[] {1, 2}),
          null,
          index == 0);
    }
  }

  private static final SequenceModelSpec VALUES =
      SequenceModelSpec.builder(InputSpec.dense(1), 1)
          .hiddenSize(3)
          .loss(Loss.meanSquaredError())
          .build();

  @ParameterizedTest
  @MethodSource("devices")
  void theStreamsGoOnFromTheStateBeforeASkippedStep(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, VALUES, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      WindowSource data =
          new Values1(new boolean[] {true, false, false, true, true, false, false, false});
      assertTrue(trainer.step(data).skipped());
      assertArrayEquals(new float[12], trainer.snapshot().carriedState().get(0).values());
      assertFalse(trainer.step(data).skipped());
      assertFalse(trainer.step(data).skipped());
      float[] before = trainer.snapshot().carriedState().get(0).values();
      assertTrue(trainer.step(data).skipped());
      assertArrayEquals(before, trainer.snapshot().carriedState().get(0).values());
      assertTrue(trainer.step(data).skipped());
      assertArrayEquals(before, trainer.snapshot().carriedState().get(0).values());
      assertFalse(trainer.steps(data, 2).skipped());
      TrainerSnapshot good = trainer.snapshot();
      try (SequenceModel other = new SequenceModel(backend, VALUES, 5);
          Trainer resumed = new Trainer(other, ADAM, Clipping.none(), 5)) {
        resumed.restore(good);
        assertSame(good, resumed.snapshot());
        assertFalse(resumed.step(data).skipped());
      }
      assertEquals(new TrainerProgress(4, 7, 4, 3, 0, 0, 7, 2), good.progress());
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRunOfQueuedStepsThatEndsInASkippedOneLeavesAFiniteState(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, VALUES, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      WindowSource data =
          new Values1(new boolean[] {false, false, false, true, true, false, false, false});
      trainer.steps(data, 2);
      float[] before = trainer.snapshot().carriedState().get(0).values();
      assertTrue(trainer.steps(data, 3).skipped());
      float[] after = trainer.snapshot().carriedState().get(0).values();
      if (backend.isAsynchronous()) {
        assertArrayEquals(before, after);
      }
      for (float value : after) {
        assertTrue(Float.isFinite(value));
      }
      assertFalse(trainer.steps(data, 3).skipped());
      assertEquals(1, trainer.progress().epoch());
      // The state before an epoch's first step is zero, whatever the last one ended with.
      WindowSource worse = new Values1(new boolean[] {true, false, false, false, false});
      assertTrue(trainer.step(worse).skipped());
      assertArrayEquals(new float[12], trainer.snapshot().carriedState().get(0).values());
    }
  }

  @Test
  void everyCounterOfASnapshotIsRestored() {
    SplittableRandom random = new SplittableRandom(11);
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      trainer.step(new RandomStreams(5, 3, 2, 4));
      TrainerSnapshot snapshot = trainer.snapshot();
      for (int i = 0; i < 20; i++) {
        long updates = random.nextLong(1L << 51);
        long skipped = random.nextLong(1L << 51);
        TrainerProgress progress =
            new TrainerProgress(
                random.nextLong(),
                updates + skipped,
                updates,
                skipped,
                random.nextLong(skipped + 1),
                random.nextLong(1L << 53),
                random.nextLong(1L << 53),
                2);
        trainer.restore(
            new TrainerSnapshot(
                progress,
                LossScale.none(),
                snapshot.parameters(),
                snapshot.moments(),
                snapshot.carriedState()));
        assertEquals(progress, trainer.progress());
        assertEquals(progress, trainer.snapshot().progress());
      }
    }
  }

  @Test
  void skippedStepsBeforeAStopCountTowardsTheEndOfTheRun() {
    WindowSource bad = new Values1(new boolean[] {true, true, true, true, true, true, true});
    try (SequenceModel model = new SequenceModel(java, VALUES, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      for (int step = 0; step < 6; step++) {
        assertTrue(trainer.step(bad).skipped());
      }
      try (SequenceModel other = new SequenceModel(java, VALUES, 5);
          Trainer resumed = new Trainer(other, ADAM, Clipping.none(), 5)) {
        resumed.restore(trainer.snapshot());
        for (int step = 6; step < 9; step++) {
          assertTrue(resumed.step(bad).skipped());
        }
        assertEquals(10, assertThrows(DivergedException.class, () -> resumed.step(bad)).step());
      }
    }
  }

  @Test
  void aStateThatIsNotFiniteIsNotRestored() {
    try (SequenceModel model = new SequenceModel(java, SMALL, 4);
        Trainer trainer = new Trainer(model, ADAM, Clipping.none(), 4)) {
      trainer.step(new RandomStreams(5, 3, 2, 4));
      TrainerSnapshot good = trainer.snapshot();
      float[] values = good.carriedState().get(0).values().clone();
      values[3] = Float.POSITIVE_INFINITY;
      NamedTensor bad =
          new NamedTensor("state.recurrent", good.carriedState().get(0).shape(), values);
      refused(
          "tensor 'state.recurrent' holds Infinity at element 3; needed finite numbers",
          () ->
              trainer.restore(
                  new TrainerSnapshot(
                      good.progress(),
                      LossScale.none(),
                      good.parameters(),
                      good.moments(),
                      List.of(bad))));
      assertSame(good, trainer.snapshot());
    }
  }
}
