package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.reference.ReferenceCtc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Models whose targets say what comes in which order, but not when. */
class CtcTrainingTest {
  private static final int SYMBOLS = 4;
  private static final int BLANK = 0;

  /** Frames of noise, and in them symbols that last 1 to 4 frames each; what they are, in order. */
  private static Window recordings(long seed, int steps, int batch) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] frames = new float[steps * batch * SYMBOLS];
    int[] lengths = new int[batch];
    int[][] said = new int[batch][];
    for (int b = 0; b < batch; b++) {
      lengths[b] = steps - random.nextInt(steps / 3 + 1);
      List<Integer> labels = new ArrayList<>();
      int t = random.nextInt(3);
      while (true) {
        int label = 1 + random.nextInt(SYMBOLS);
        int lasts = 1 + random.nextInt(4);
        if (t + lasts > lengths[b]) {
          break;
        }
        for (int i = t; i < t + lasts; i++) {
          frames[(i * batch + b) * SYMBOLS + label - 1] = 1;
        }
        labels.add(label);
        t += lasts + 1 + random.nextInt(2); // two of the same are two by what is between them
      }
      said[b] = labels.stream().mapToInt(Integer::intValue).toArray();
    }
    for (int i = 0; i < frames.length; i++) {
      frames[i] += (float) random.nextDouble(-0.4, 0.4);
    }
    return new SeriesWindow(
        steps, batch, new Values.Reals(frames), Values.Labels.of(said), lengths, true);
  }

  private static WindowSource source(int steps, int batch) {
    return new WindowSource() {
      @Override
      public long windowsPerEpoch() {
        return 1000;
      }

      @Override
      public Window window(long epoch, long index) {
        return recordings(index, steps, batch);
      }
    };
  }

  private static SequenceModelSpec.Builder listener(int hiddenSize) {
    return SequenceModelSpec.builder(InputSpec.dense(SYMBOLS), SYMBOLS + 1)
        .cell(CellType.GRU_RESET_BEFORE)
        .hiddenSize(hiddenSize)
        .loss(Loss.ctc(BLANK));
  }

  private static List<Window> heldOut(int steps, int count) {
    return IntStream.range(0, count).mapToObj(i -> recordings(-1L - i, steps, 8)).toList();
  }

  /** On {@code cuda} in the simulator the same, smaller. */
  @ParameterizedTest(name = "{0}")
  @CsvSource({"java,24,200,0.02", "cpu,24,200,0.02", "cuda,12,120,0.1"})
  void symbolsOfUnknownDurationAreLearned(String device, int hidden, int updates, double rate) {
    assumeTrue(UsableBackends.names().anyMatch(device::equals), device + " is not usable here");
    int steps = device.equals("cuda") ? 12 : 24;
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, listener(hidden).build(), 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 2)) {
      List<Window> heldOut = heldOut(steps, 4);
      double before = Evaluator.evaluate(model, heldOut).mean();
      trainer.steps(source(steps, device.equals("cuda") ? 4 : 12), updates);
      BatchLoss loss = Evaluator.evaluate(model, heldOut);
      LabelErrors errors = Evaluator.labelErrors(model, heldOut);
      assertEquals(32, loss.predictions());
      assertEquals(32, errors.sequences());
      assertTrue(loss.mean() < before / 5, loss.mean() + " nats a sequence, before " + before);
      assertTrue(errors.rate() <= rate, () -> device + ": " + errors);
    }
  }

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  /** The loss of a window is that of its outputs, and every sequence with a target counts once. */
  @ParameterizedTest
  @MethodSource("devices")
  void theLossOfAWindowIsThatOfItsOutputs(String device) {
    SequenceModelSpec spec = listener(5).dropout(0f).bidirectional(true).build();
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 3)) {
      SeriesWindow window = (SeriesWindow) recordings(5, 12, 3);
      int[] lengths = window.lengths();
      float[] outputs = model.forward(window, null).readFloats();
      BatchLoss loss = model.loss(window, null);
      double expected = 0;
      int width = SYMBOLS + 1;
      for (int b = 0; b < 3; b++) {
        double[] own = new double[lengths == null ? 0 : lengths[b] * width];
        for (int i = 0; i < own.length; i++) {
          own[i] = outputs[(i / width * 3 + b) * width + i % width];
        }
        int[] labels = ((Values.Labels) window.targetValues()).of(b);
        expected +=
            ReferenceCtc.byRecursion(
                    own, own.length / width, labels == null ? new int[0] : labels, BLANK)
                .loss();
      }
      assertEquals(3, loss.predictions());
      assertEquals(expected, loss.sum(), 1e-5 * expected);
      // A training step starts from the same loss: its mean is over the same sequences.
      try (Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 2)) {
        BatchLoss trained = trainer.step(window).loss();
        assertEquals(3, trained.predictions());
        assertEquals(expected, trained.sum(), 1e-5 * expected);
        assertTrue(model.loss(window, null).sum() < expected);
      }
    }
  }

  private static Window labels(int @Nullable [] lengths, Values targets) {
    float[] frames = new float[4 * 2 * SYMBOLS];
    return new SeriesWindow(4, 2, new Values.Reals(frames), targets, lengths, true);
  }

  private static String refusal(SequenceModel model, Trainer trainer, Window window) {
    float[] before = model.parameters().readFloats();
    IllegalArgumentException trained =
        assertThrows(IllegalArgumentException.class, () -> trainer.step(window));
    IllegalArgumentException measured =
        assertThrows(IllegalArgumentException.class, () -> model.loss(window, null));
    assertEquals(trained.getMessage(), measured.getMessage());
    assertArrayEquals(before, model.parameters().readFloats());
    assertEquals(0, trainer.progress().steps());
    return String.valueOf(trained.getMessage());
  }

  @ParameterizedTest
  @MethodSource("devices")
  void targetsThatDoNotFitAreRefusedBeforeAnythingRuns(String device) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, listener(5).build(), 3);
        Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 2)) {
      assertEquals(
          "the target of b=1 has 5 labels, 0 of them the same as the one before, and cannot be"
              + " aligned with 4 steps; needed at least 5",
          refusal(
              model,
              trainer,
              labels(null, Values.Labels.of(new int[] {1}, new int[] {1, 2, 1, 2, 1}))));
      assertEquals(
          "the target of b=1 has 3 labels, 2 of them the same as the one before, and cannot be"
              + " aligned with 4 steps; needed at least 5",
          refusal(
              model, trainer, labels(null, Values.Labels.of(new int[] {1}, new int[] {2, 2, 2}))));
      assertEquals(
          "the target of b=0 has 1 labels, 0 of them the same as the one before, and cannot be"
              + " aligned with 0 steps; needed at least 1",
          refusal(
              model,
              trainer,
              labels(new int[] {0, 4}, Values.Labels.of(new int[] {1}, new int[] {2}))));
      assertEquals(
          "label 1 of the target of b=1 is 5; 5 outputs need 0 to 4 without the blank 0",
          refusal(model, trainer, labels(null, Values.Labels.of(new int[] {1}, new int[] {2, 5}))));
      assertEquals(
          "label 0 of the target of b=0 is 0, the blank; 5 outputs need 0 to 4 without the blank 0",
          refusal(model, trainer, labels(null, Values.Labels.of(new int[] {0}, new int[] {2}))));
      assertEquals(
          "the targets are 1 sequences of labels; B=2 needs 2",
          refusal(model, trainer, labels(null, Values.Labels.of(new int[] {1}))));
      assertEquals(
          "the targets are tokens, one a step; CTC needs sequences of labels",
          refusal(model, trainer, labels(null, new Values.Tokens(new int[8]))));
      assertEquals(
          "the targets are real vectors; CTC needs sequences of labels",
          refusal(model, trainer, labels(null, new Values.Reals(new float[8]))));
      assertEquals(
          "input 'input' is sequences of labels; needed tokens or real vectors",
          refusal(
              model,
              trainer,
              new SeriesWindow(
                  4,
                  2,
                  Values.Labels.of(new int[] {1}, new int[] {1}),
                  Values.Labels.of(new int[] {1}, new int[] {1}),
                  null,
                  true)));
      // What comes after is as if nothing had happened.
      trainer.step(labels(null, Values.Labels.of(new int[] {1, 1}, new int[] {2, 3, 4, 1})));
      assertEquals(1, trainer.progress().steps());
    }
  }

  /** The window is trained as if what cannot be aligned had no target. */
  @Test
  void whatCannotBeAlignedIsSkippedIfThatWasAskedFor() {
    SequenceModelSpec spec = listener(5).loss(new Loss.Ctc(BLANK, true)).build();
    int[] tooLong = IntStream.range(0, 50).map(i -> 1 + i % 2).toArray();
    List<float[]> weights = new ArrayList<>();
    for (int[] other : Arrays.asList(new int[] {1, 1, 1}, tooLong, null)) {
      try (Backend backend = Devices.open("java");
          SequenceModel model = new SequenceModel(backend, spec, 3);
          Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 2)) {
        Window window = labels(null, Values.Labels.of(new int[] {3, 3}, other));
        assertEquals(1, trainer.step(window).loss().predictions());
        weights.add(model.parameters().readFloats());
        // The error rate does not skip it: what is said is wrong all the same.
        assertEquals(other == null ? 1 : 2, errors(model, window).sequences());
        IllegalArgumentException nothing =
            assertThrows(
                IllegalArgumentException.class,
                () -> trainer.step(labels(null, Values.Labels.of(null, new int[] {1, 1, 1}))));
        assertEquals(
            "the window has no target that counts; needed at least 1", nothing.getMessage());
      }
    }
    assertArrayEquals(weights.get(0), weights.get(1));
    assertArrayEquals(weights.get(0), weights.get(2));
  }

  private static LabelErrors errors(SequenceModel model, Window window) {
    return Evaluator.labelErrors(model, List.of(window));
  }

  @Test
  void windowsWithoutAnyLabelTeachTheBlank() {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, listener(5).build(), 3);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.1f), Clipping.none(), 2)) {
      Window silence = labels(new int[] {4, 0}, Values.Labels.of(new int[0], new int[0]));
      for (int i = 0; i < 30; i++) {
        assertEquals(1, trainer.step(silence).loss().predictions());
      }
      assertTrue(model.loss(silence, null).mean() < 0.1);
      assertEquals(new LabelErrors(0, 0, 0, 2), errors(model, silence));
    }
  }

  @Test
  void lossesAndOutputsThatDoNotGoTogetherAreRefused() {
    assertEquals(
        "CTC is of outputs that are one a sequence; needed outputs at every step",
        message(() -> listener(5).readout(Readout.LAST_STEP).build()));
    assertEquals(
        "blank is 5; 5 outputs need 0 to 4", message(() -> listener(5).loss(Loss.ctc(5)).build()));
    assertEquals("blank is -1; needed a class, at least 0", message(() -> Loss.ctc(-1)));
    Network network =
        Network.builder()
            .vectors("x", 3)
            .add("stack", Recurrent.of(CellType.GRU_RESET_BEFORE, 3, 4), "x")
            .add("last", new LastStep(1), "stack")
            .add("logits", new Linear(4, 3), "last")
            .build();
    assertEquals(
        "CTC is of outputs that are one a sequence; needed outputs at every step",
        message(() -> new NetworkModelSpec(network, Loss.ctc(0))));
    try (Backend backend = Devices.open("java");
        SequenceModel model =
            new SequenceModel(backend, listener(5).loss(Loss.softmaxCrossEntropy()).build(), 3)) {
      Window window = labels(null, Values.Labels.of(new int[] {1}, new int[] {2}));
      assertEquals(
          "the targets are sequences of labels; SOFTMAX_CROSS_ENTROPY needs a target a row",
          message(() -> model.loss(window, null)));
      assertEquals(
          "the model's loss is SOFTMAX_CROSS_ENTROPY; needed CTC",
          message(() -> errors(model, window)));
    }
    try (Backend backend = Devices.open("java");
        SequenceModel model =
            new SequenceModel(
                backend,
                SequenceModelSpec.languageModel(5, 3).loss(Loss.ctc(0)).hiddenSize(4).build(),
                3)) {
      TokenWindow window = new TokenWindow(2, 1, new int[2], new int[2], null, true);
      assertEquals(
          "the targets of a window are no sequences of labels; needed those",
          message(() -> errors(model, window)));
      Window two =
          new SeriesWindow(
              2,
              1,
              new Values.Tokens(new int[2]),
              Values.Labels.of(new int[] {1}, new int[] {2}),
              null,
              true);
      assertEquals(
          "the targets are 2 sequences of labels; B=1 needs 1", message(() -> errors(model, two)));
    }
  }

  private static String message(Runnable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
