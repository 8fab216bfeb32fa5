package dev.sequor.fit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.fit.FitResult.Ending;
import dev.sequor.fit.FitResult.Weights;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.FitState;
import dev.sequor.io.FitState.Validation;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.Evaluator;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.module.NamedTensor;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class FitTest {
  private static final int CLASSES = 5;

  /** With dropout, so that a step's number counts. */
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(CLASSES, 3).hiddenSize(6).layers(2).dropout(0.2f).build();

  /** So fast that validation gets worse at times. */
  private static final Optimizer FAST = Optimizer.adam(0.15f);

  @TempDir Path folder;

  private final Backend backend = Devices.open("java");

  @AfterEach
  void close() {
    backend.close();
  }

  /** Tokens that mostly follow a rule; another order and other noise every epoch. */
  private record Followers(long seed, long windowsPerEpoch) implements WindowSource {
    @Override
    public Window window(long epoch, long index) {
      SplittableRandom random = new SplittableRandom(seed * 1_000_003 + epoch * 1009 + index);
      int[] tokens = random.ints(6 * 4, 0, CLASSES).toArray();
      int[] targets = new int[tokens.length];
      for (int i = 0; i < targets.length; i++) {
        targets[i] =
            random.nextInt(5) == 0 ? random.nextInt(CLASSES) : (tokens[i] * 3 + 1) % CLASSES;
      }
      return new TokenWindow(6, 4, tokens, targets, null, true);
    }
  }

  private static final WindowSource TRAINING = new Followers(1, 7);
  private static final WindowSource VALIDATION = new Followers(2, 3);

  /** What a fit has led to. */
  private record Outcome(FitResult result, List<NamedTensor> weights) {
    void assertEqual(Outcome other, String words) {
      assertEquals(result.ending(), other.result.ending(), words);
      assertEquals(result.weights(), other.result.weights(), words);
      assertEquals(result.weightsStep(), other.result.weightsStep(), words);
      assertEquals(result.steps(), other.result.steps(), words);
      assertEquals(result.history(), other.result.history(), words);
      assertSameWeights(weights, other.weights, words);
    }
  }

  private static void assertSameWeights(
      List<NamedTensor> expected, List<NamedTensor> actual, String words) {
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).values(), actual.get(i).values(), words);
    }
  }

  private Outcome outcome(Fit fit, Optimizer optimizer) {
    return outcome(backend, fit, optimizer);
  }

  private static Outcome outcome(Backend backend, Fit fit, Optimizer optimizer) {
    try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 7)) {
      FitResult result = trainer.fit(TRAINING, fit);
      assertEquals(optimizer.learningRate(), trainer.optimizer().learningRate());
      return new Outcome(result, model.tensors());
    }
  }

  private Outcome outcome(Fit fit) {
    return outcome(fit, FAST);
  }

  /** The validation loss of weights, found out anew. */
  private double validationLoss(List<NamedTensor> weights) {
    try (SequenceModel model = new SequenceModel(backend, SPEC, 1)) {
      model.load(weights);
      return Evaluator.evaluate(model, VALIDATION.epoch(0)).mean();
    }
  }

  /** Says stop after so many steps. */
  private static FitListener stopAt(long step) {
    return new FitListener() {
      @Override
      public boolean progressed(FitProgress progress) {
        return progress.step() < step;
      }
    };
  }

  static Stream<Supplier<Fit>> fits() {
    return Stream.of(
        () -> Fit.epochs(4).validate(VALIDATION),
        () ->
            Fit.epochs(5)
                .validate(VALIDATION)
                .metrics(Metric.ACCURACY, Metric.PERPLEXITY, Metric.F1)
                .schedule(Schedule.cosine().after(5))
                .earlyStopping(2)
                .reduceOnPlateau(0.5, 1),
        () ->
            Fit.steps(29)
                .validate(VALIDATION)
                .validateEvery(3)
                .schedule(Schedule.step(4, 0.7))
                .earlyStopping(4, 0.01)
                .averageWeights(0.8),
        () -> Fit.epochs(4).validate(VALIDATION).accumulate(3).reduceOnPlateau(0.3, 1),
        () -> Fit.steps(25).checkpointEvery(4),
        () -> Fit.epochs(3).validate(VALIDATION).averageWeights(0.9).lastWeights());
  }

  /** Stopped anywhere, with everything made anew: the same decisions and the same bits. */
  @ParameterizedTest
  @MethodSource("fits")
  void stoppedAndResumedIsAsIfNeverStopped(Supplier<Fit> fits) {
    Fit fit = fits.get();
    Outcome expected = outcome(fit);
    assertTrue(expected.result.steps() > 10, expected.result.toString());
    for (long stop = 1; stop < expected.result.steps(); stop += stop < 4 ? 1 : 3) {
      Path directory = folder.resolve("at" + stop);
      Fit kept = fit.keepOrResume(directory);
      Outcome half = outcome(kept.listener(stopAt(stop)));
      assertEquals(Ending.STOPPED, half.result.ending(), "stopped at " + stop);
      assertEquals(stop, half.result.steps());
      expected.assertEqual(outcome(kept), "stopped at " + stop);
    }
  }

  /** Devices that work through a queue are asked after several steps; nothing else differs. */
  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void everyDeviceGoesOnToTheSameEnd(String device) {
    Fit fit =
        Fit.steps(33)
            .validate(VALIDATION)
            .validateEvery(5)
            .schedule(Schedule.step(8, 0.5))
            .checkpointEvery(6)
            .earlyStopping(5)
            .reduceOnPlateau(0.5, 2);
    try (Backend other = Devices.open(device)) {
      Outcome expected = outcome(other, fit, FAST);
      assertTrue(expected.result.history().size() >= 5, expected.result.toString());
      for (long stop : new long[] {1, 11, 22}) {
        Fit kept = fit.keepOrResume(folder.resolve("at" + stop));
        outcome(other, kept.listener(stopAt(stop)), FAST);
        expected.assertEqual(outcome(other, kept, FAST), device + " stopped at " + stop);
      }
    }
  }

  /** Stopped again and again, by interruption, which stays. */
  @Test
  void anInterruptedThreadStopsAndStaysInterrupted() {
    Fit fit = Fit.epochs(4).validate(VALIDATION).earlyStopping(3);
    Outcome expected = outcome(fit);
    FitListener interrupts =
        new FitListener() {
          @Override
          public boolean progressed(FitProgress progress) {
            if (progress.step() % 5 == 0) {
              Thread.currentThread().interrupt();
            }
            return true;
          }
        };
    Fit kept = fit.keepOrResume(folder.resolve("kept"));
    int interruptions = 0;
    Outcome last = outcome(kept.listener(interrupts));
    while (last.result.ending() == Ending.STOPPED) {
      assertTrue(Thread.interrupted(), "the interruption is gone");
      interruptions++;
      last = outcome(kept.listener(interrupts));
    }
    Thread.interrupted();
    assertTrue(interruptions >= 3, "interrupted " + interruptions + " times");
    expected.assertEqual(last, "interrupted");
  }

  /** A process that dies at any time goes on from the last checkpoint, to the same end. */
  @Test
  void whatAListenerThrowsEndsTheFitWithTheBestWeightsAndItGoesOn() {
    Fit fit = Fit.epochs(4).validate(VALIDATION).averageWeights(0.7);
    Outcome expected = outcome(fit);
    for (long stop : new long[] {3, 9, 15, 22}) {
      Path directory = folder.resolve("thrown" + stop);
      Fit kept = fit.keepOrResume(directory);
      FitListener throwing =
          new FitListener() {
            @Override
            public boolean progressed(FitProgress progress) {
              if (progress.step() == stop) {
                throw new IllegalStateException("enough");
              }
              return true;
            }
          };
      List<Validation> seen = new ArrayList<>();
      FitListener watching =
          new FitListener() {
            @Override
            public void validated(Validation validation) {
              seen.add(validation);
            }
          };
      try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
          Trainer trainer = new Trainer(model, FAST, Clipping.byGlobalNorm(1), 7)) {
        Fit throwsUp = kept.listener(throwing).listener(watching);
        assertEquals(
            "enough",
            assertThrows(IllegalStateException.class, () -> trainer.fit(TRAINING, throwsUp))
                .getMessage());
        if (!seen.isEmpty()) {
          assertEquals(
              seen.stream().mapToDouble(v -> value(v, "loss")).min().orElseThrow(),
              validationLoss(model.tensors()),
              1e-9);
        }
      }
      expected.assertEqual(outcome(kept), "thrown at " + stop);
    }
  }

  private static double value(Validation validation, String name) {
    return Objects.requireNonNull(validation.values().get(name), name);
  }

  @Test
  void endsWithTheBestWeightsHoweverItEnded() throws Exception {
    Path directory = folder.resolve("best");
    List<Fit> ways =
        List.of(
            Fit.epochs(12).validate(VALIDATION),
            Fit.epochs(100).validate(VALIDATION).earlyStopping(3),
            Fit.epochs(12).validate(VALIDATION).listener(stopAt(60)),
            Fit.epochs(12).validate(VALIDATION).keepBest(directory),
            Fit.epochs(12).validate(VALIDATION).averageWeights(0.5));
    List<Ending> endings = new ArrayList<>();
    boolean lastIsWorse = false;
    for (Fit way : ways) {
      Outcome outcome = outcome(way);
      FitResult result = outcome.result;
      endings.add(result.ending());
      Validation best = result.best().orElseThrow();
      assertEquals(Weights.BEST, result.weights());
      assertEquals(best.step(), result.weightsStep());
      double least =
          result.history().stream().mapToDouble(v -> value(v, "loss")).min().orElseThrow();
      assertEquals(least, value(best, "loss"));
      assertEquals(least, validationLoss(outcome.weights), 1e-9);
      lastIsWorse |= value(result.history().get(result.history().size() - 1), "loss") > least;
      if (result.bestFile().isPresent()) {
        TrainedModel stored = TrainedModel.load(result.bestFile().get());
        assertSameWeights(outcome.weights, stored.parameters(), "file");
        try (Stream<Path> files = Files.list(directory)) {
          assertEquals(
              1,
              files.filter(file -> String.valueOf(file.getFileName()).startsWith("best")).count());
        }
      }
    }
    assertTrue(lastIsWorse, "no fit was ever worse at its end: nothing was shown");
    assertEquals(
        List.of(
            Ending.COMPLETED,
            Ending.STOPPED_EARLY,
            Ending.STOPPED,
            Ending.COMPLETED,
            Ending.COMPLETED),
        endings);
  }

  @Test
  void lastWeightsAreThoseOfTheLastStep() {
    Outcome last = outcome(Fit.epochs(3).validate(VALIDATION).lastWeights());
    assertEquals(Weights.LAST, last.result.weights());
    assertEquals(21, last.result.weightsStep());
    Outcome plain = outcome(Fit.epochs(3));
    assertEquals(Weights.LAST, plain.result.weights());
    assertSameWeights(plain.weights, last.weights, "validation changes nothing");
    // The same as the steps one by one.
    try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer = new Trainer(model, FAST, Clipping.byGlobalNorm(1), 7)) {
      for (int step = 0; step < 21; step++) {
        trainer.step(TRAINING);
      }
      assertSameWeights(model.tensors(), plain.weights, "step by step");
    }
  }

  @Test
  void earlyStoppingWaitsAsLongAsItWasTold() {
    FitResult result = outcome(Fit.epochs(200).validate(VALIDATION).earlyStopping(4)).result;
    assertEquals(Ending.STOPPED_EARLY, result.ending());
    int size = result.history().size();
    assertTrue(result.history().get(size - 5).improved());
    for (int i = size - 4; i < size; i++) {
      assertFalse(result.history().get(i).improved());
    }
    // Better by less than the gain is not better, but its weights are kept all the same.
    FitResult greedy = outcome(Fit.epochs(200).validate(VALIDATION).earlyStopping(2, 100)).result;
    assertEquals(3, greedy.history().size());
  }

  private List<Double> rates(Fit fit) {
    List<Double> rates = new ArrayList<>();
    FitListener listener =
        new FitListener() {
          @Override
          public boolean progressed(FitProgress progress) {
            rates.add(progress.learningRate());
            return true;
          }
        };
    outcome(fit.listener(listener), Optimizer.sgd(1e-3f));
    return rates;
  }

  @Test
  void schedulesGiveTheRatesThatTheyAreCalledFor() {
    double rate = 1e-3f;
    assertRates(rates(Fit.steps(3)), rate, rate, rate);
    assertRates(
        rates(Fit.steps(5).schedule(Schedule.step(2, 0.5))),
        rate,
        rate,
        rate / 2,
        rate / 2,
        rate / 4);
    assertRates(
        rates(Fit.steps(4).schedule(Schedule.warmUp(3))), rate / 4, rate / 2, rate * 3 / 4, rate);
    assertRates(
        rates(Fit.steps(4).schedule(Schedule.cosine())),
        rate,
        rate * (0.5 + 0.5 * Math.cos(Math.PI / 4)),
        rate / 2,
        rate * (0.5 - 0.5 * Math.cos(Math.PI / 4)));
    assertRates(rates(Fit.steps(4).schedule(Schedule.linear())), rate, rate, rate, rate / 2);
    // What is watched never gets better by so much: cut after each second validation, but the
    // first.
    assertRates(
        rates(
            Fit.steps(7).validate(VALIDATION).validateEvery(1).reduceOnPlateau(0.1, 2, 1e9, 0.05)),
        rate,
        rate,
        rate,
        rate / 10,
        rate / 10,
        rate / 20,
        rate / 20);
  }

  private static void assertRates(List<Double> actual, double... expected) {
    assertEquals(expected.length, actual.size(), actual.toString());
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual.get(i), 1e-8, "step " + i + " of " + actual);
    }
  }

  @Test
  void theMovingAverageIsThatOfTheWeights() {
    List<List<NamedTensor>> weights = new ArrayList<>();
    try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer = new Trainer(model, FAST, Clipping.byGlobalNorm(1), 7)) {
      weights.add(model.tensors());
      for (int step = 0; step < 12; step++) {
        trainer.step(TRAINING);
        weights.add(model.tensors());
      }
    }
    Outcome outcome = outcome(Fit.steps(12).averageWeights(0.4));
    assertEquals(Weights.AVERAGE, outcome.result.weights());
    for (int tensor = 0; tensor < outcome.weights.size(); tensor++) {
      double expected = weights.get(0).get(tensor).values()[0];
      for (int step = 1; step <= 12; step++) {
        double keep = Math.min(0.4, step / (9.0 + step));
        expected = keep * expected + (1 - keep) * weights.get(step).get(tensor).values()[0];
      }
      assertEquals(expected, outcome.weights.get(tensor).values()[0], 1e-6);
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void aLossThatHasLeftAllSenseEndsTheFit(boolean validates) throws Exception {
    Path directory = folder.resolve("diverged");
    Fit fit = Fit.epochs(50).keepBest(directory).checkpointEvery(2);
    Fit whole = validates ? fit.validate(VALIDATION) : fit;
    try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1e9f), Clipping.none(), 7)) {
      DivergedException e =
          assertThrows(DivergedException.class, () -> trainer.fit(TRAINING, whole));
      String message = String.valueOf(e.getMessage());
      assertTrue(message.contains("at step " + e.step()), message);
      assertTrue(message.contains(directory + " keeps the checkpoint of step "), message);
    }
    Checkpoint kept = Checkpoint.load(directory);
    assertTrue(kept.run() instanceof FitState);
    TrainedModel.load(directory).open(backend).close();
  }

  /** Where the gradient overflows on its way down, and not above, is where the fault is. */
  @Test
  void gradientsThatAreNotFiniteAreNamedWithTheirTensor() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(CLASSES, 3)
            .cell(CellType.RNN_LINEAR)
            .hiddenSize(6)
            .layers(2)
            .build();
    try (SequenceModel model = new SequenceModel(backend, spec, 3);
        Trainer trainer = new Trainer(model, FAST, Clipping.none(), 7)) {
      List<NamedTensor> weights = new ArrayList<>();
      for (NamedTensor tensor : model.tensors()) {
        String name = tensor.name();
        float all =
            name.equals("output.weights")
                ? 1e20f
                : name.endsWith("1.forward.input_weights")
                    ? 1e20f
                    : name.endsWith("0.forward.input_weights") ? 1e-25f : 0f;
        float[] values = tensor.values().clone();
        if (!name.startsWith("embedding")) {
          Arrays.fill(values, all);
        }
        if (name.equals("output.weights")) {
          Arrays.fill(values, 0, 6, -1e20f); // of one class
        }
        weights.add(new NamedTensor(name, tensor.shape(), values));
      }
      model.load(weights);
      DivergedException e =
          assertThrows(
              DivergedException.class,
              () -> trainer.fit(of(TRAINING.window(0, 0), 1), Fit.steps(100)));
      String message = String.valueOf(e.getMessage());
      assertTrue(message.contains("tensors, the one nearest the output '"), message);
      assertTrue(message.contains("layers.0."), message);
      assertTrue(message.contains("at step 10"), message);
    }
  }

  private void refused(String message, Fit fit, WindowSource training) {
    try (SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer = new Trainer(model, FAST, Clipping.none(), 7)) {
      List<NamedTensor> before = model.tensors();
      RuntimeException e = assertThrows(RuntimeException.class, () -> trainer.fit(training, fit));
      assertTrue(String.valueOf(e.getMessage()).contains(message), e.toString());
      assertTrue(e instanceof IllegalArgumentException || e instanceof UncheckedIOException);
      assertEquals(0, trainer.progress().steps(), "refused only after some steps");
      assertSameWeights(before, model.tensors(), "refused");
    }
  }

  private static WindowSource of(Window window, long count) {
    return new WindowSource() {
      @Override
      public long windowsPerEpoch() {
        return count;
      }

      @Override
      public Window window(long epoch, long index) {
        return window;
      }
    };
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeTheFirstStep() throws Exception {
    Window other = new TokenWindow(1, 1, new int[] {9}, new int[] {0}, null, true);
    Window last = new TokenWindow(2, 2, new int[4], new int[2], null, true);
    refused("the training data have 0 windows", Fit.epochs(1), of(other, 0));
    refused("the validation data have 0 windows", Fit.epochs(1).validate(of(other, 0)), TRAINING);
    refused("the validation data do not fit: ", Fit.epochs(1).validate(of(other, 1)), TRAINING);
    refused("targets holds 2 elements", Fit.epochs(1).validate(of(last, 1)), TRAINING);
    refused(
        "errors of values need that of values",
        Fit.epochs(1).validate(VALIDATION).metrics(Metric.RMSE),
        TRAINING);
    refused("the fit is to stop early, but has no", Fit.epochs(1).earlyStopping(1), TRAINING);
    refused("the fit is to reduce the rate", Fit.epochs(1).reduceOnPlateau(0.5, 1), TRAINING);
    refused(
        "the rate rises over 7 steps; the fit has 7 and needs more",
        Fit.epochs(1).schedule(Schedule.warmUp(7)),
        TRAINING);
    refused(
        "the schedule gives the factor NaN at step 0",
        Fit.epochs(1).schedule((step, steps) -> Double.NaN),
        TRAINING);
    Path file = Files.writeString(folder.resolve("file"), "x");
    refused(file.toString(), Fit.epochs(1).keepBest(file), TRAINING);
    refused(file.toString(), Fit.epochs(1).keepBest(file.resolve("below")), TRAINING);
    Path foreign = Files.createDirectory(folder.resolve("foreign"));
    Files.writeString(foreign.resolve("mine"), "x");
    refused("'mine'", Fit.epochs(1).keepBest(foreign), TRAINING);
    Path taken = folder.resolve("taken");
    outcome(Fit.epochs(1).keepBest(taken));
    refused("or keepOrResume to go on", Fit.epochs(1).keepBest(taken), TRAINING);
  }

  @Test
  void numbersOutOfRangeAreNamed() {
    for (var call :
        List.<Executable>of(
            () -> Fit.epochs(0),
            () -> Fit.steps(-1),
            () -> Fit.epochs(1).validateEvery(0),
            () -> Fit.epochs(1).checkpointEvery(0),
            () -> Fit.epochs(1).accumulate(0),
            () -> Fit.epochs(1).averageWeights(1),
            () -> Fit.epochs(1).averageWeights(Double.NaN),
            () -> Fit.epochs(1).earlyStopping(0),
            () -> Fit.epochs(1).earlyStopping(1, -1),
            () -> Fit.epochs(1).reduceOnPlateau(1, 1),
            () -> Fit.epochs(1).reduceOnPlateau(0.5, 1, 0, 1),
            () -> Fit.epochs(1).mostLoss(0),
            () -> Fit.epochs(1).metrics(),
            () -> Fit.epochs(1).metrics(Metric.LOSS, Metric.LOSS),
            () -> Fit.epochs(1).monitor(Metric.F1),
            () -> Schedule.step(0, 0.5),
            () -> Schedule.step(1, 1),
            () -> Schedule.warmUp(0))) {
      String message =
          String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
      assertTrue(message.contains("needed"), message);
    }
  }

  @Test
  void aFitGoesOnOnlyAsItWasBegun() {
    Path directory = folder.resolve("kept");
    Fit fit = Fit.epochs(2).validate(VALIDATION).keepOrResume(directory);
    outcome(fit.listener(stopAt(5)));
    assertSaysOther("optimizer", fit, Optimizer.adam(0.1f));
    assertSaysOther("moving average", fit.averageWeights(0.9), FAST);
    assertSaysOther("monitor", fit.metrics(Metric.ACCURACY).keepOrResume(directory), FAST);
    // Longer is no other fit.
    Outcome longer = outcome(Fit.epochs(3).validate(VALIDATION).keepOrResume(directory));
    outcome(Fit.epochs(3).validate(VALIDATION)).assertEqual(longer, "longer");
    // One that is complete has nothing left to do.
    longer.assertEqual(
        outcome(Fit.epochs(3).validate(VALIDATION).keepOrResume(directory)), "complete");
  }

  private void assertSaysOther(String what, Fit fit, Optimizer optimizer) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> outcome(fit, optimizer))
                .getMessage());
    assertTrue(message.contains(" has another " + what), message);
  }

  @Test
  void listenersHearOfEveryStepAndEveryValidation() {
    List<String> lines = new ArrayList<>();
    long[] now = {0};
    ProgressLines people = new ProgressLines(lines::add, () -> now[0] += 1_500_000_000L);
    FitResult result =
        outcome(Fit.epochs(2).validate(VALIDATION).metrics(Metric.ACCURACY).listener(people))
            .result;
    assertEquals(2, lines.stream().filter(l -> l.contains("validation accuracy ")).count());
    assertTrue(lines.get(0).startsWith("step 3 of 14, epoch 1: loss "), lines.toString());
    assertTrue(lines.get(0).endsWith("about 17 s left"), lines.toString());
    assertEquals(List.of(7L, 14L), result.history().stream().map(Validation::step).toList());
  }
}
