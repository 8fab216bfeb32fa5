package dev.sequor.serve;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.Binding;
import dev.sequor.module.LastStep;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.Pass;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class PredictorTest {
  /** With the weights that a new model draws. */
  static TrainedModel model(ModelSpec spec) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 7)) {
      return new TrainedModel(spec, null, model.tensors());
    }
  }

  /** One label a sequence of vectors of 3. */
  private static TrainedModel classifier() {
    return model(
        SequenceModelSpec.builder(InputSpec.dense(3), 4)
            .cell(CellType.LSTM)
            .hiddenSize(21)
            .layers(2)
            .bidirectional(true)
            .readout(Readout.LAST_STEP)
            .build());
  }

  /** The next of 11 tokens, at every step. */
  private static TrainedModel languageModel(boolean learnedStart) {
    return model(
        SequenceModelSpec.languageModel(11, 6)
            .cell(CellType.GRU_RESET_BEFORE)
            .hiddenSize(19)
            .layers(2)
            .learnedInitialState(learnedStart)
            .build());
  }

  private static Predictor open(TrainedModel model, String device) {
    try {
      return Predictor.builder(model).device(device).maxBatch(16).build();
    } catch (BackendUnavailableException e) {
      assumeTrue(false, String.valueOf(e.getMessage()));
      throw e;
    }
  }

  private static float[] vectors(SplittableRandom random, int timeSteps) {
    float[] values = new float[3 * timeSteps];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return values;
  }

  private static int[] tokens(SplittableRandom random, int timeSteps) {
    return random.ints(timeSteps, 0, 11).toArray();
  }

  /** Runs {@code task} on so many threads at once, and passes on what any of them throws. */
  private static void onThreads(int threads, ThreadTask task) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        int number = i;
        all.add(
            pool.submit(
                () -> {
                  start.await();
                  task.run(number);
                  return null;
                }));
      }
      start.countDown();
      for (Future<?> one : all) {
        one.get(100, TimeUnit.SECONDS);
      }
    } finally {
      pool.shutdownNow();
    }
  }

  private interface ThreadTask {
    void run(int number) throws Exception;
  }

  private static String string(@Nullable Throwable thrown) {
    return String.valueOf(requireNonNull(thrown).getMessage());
  }

  // ---- answers ---------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "java", "cuda"})
  void manyThreadsGetTheBitsThatOneGets(String device) throws Exception {
    int threads = 12;
    int each = device.equals("cuda") ? 4 : 30;
    SplittableRandom random = new SplittableRandom(3);
    float[][] questions = new float[threads * each][];
    float[][] expected = new float[questions.length][];
    try (Predictor predictor = open(classifier(), device)) {
      for (int i = 0; i < questions.length; i++) {
        questions[i] = vectors(random, random.nextInt(1, 9));
        expected[i] = predictor.predict(questions[i]);
        assertEquals(4, expected[i].length);
      }
      onThreads(
          threads,
          number -> {
            for (int i = number * each; i < (number + 1) * each; i++) {
              assertArrayEquals(expected[i], predictor.predict(questions[i]));
            }
          });
      PredictorStats stats = predictor.stats();
      assertEquals(2L * questions.length, stats.answered());
      assertTrue(stats.batches() < stats.answered(), stats.toString());
      assertEquals(0, stats.waiting());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "java", "cuda"})
  void answersAreThoseOfTheModel(String device) {
    TrainedModel trained = languageModel(true);
    int[] tokens = tokens(new SplittableRandom(5), 13);
    try (Predictor predictor = open(trained, device);
        Backend backend = Devices.open(device);
        SequenceModel model =
            SequenceModel.of(
                backend, trained.model(), trained.parameters(), WeightStorage.FLOAT32)) {
      float[] expected = model.forward(13, 1, tokens, null, null).readFloats();
      assertArrayEquals(expected, predictor.predict(tokens), 2e-6f);
    }
  }

  @Test
  void severalInputsHaveTheirOwnLengths() throws Exception {
    TrainedModel trained =
        model(
            EncoderDecoderSpec.of(
                9,
                9,
                0,
                1,
                RnnSpec.of(CellType.GRU_RESET_BEFORE, 5, 11),
                RnnSpec.of(CellType.GRU_RESET_BEFORE, 5, 11)));
    SplittableRandom random = new SplittableRandom(1);
    List<Map<String, Values>> questions = new ArrayList<>();
    List<float[]> expected = new ArrayList<>();
    List<String> names =
        trained.model().network().inputs().stream().map(Network.Input::name).toList();
    assertEquals(2, names.size());
    try (Predictor predictor = open(trained, "java")) {
      for (int i = 0; i < 24; i++) {
        questions.add(
            Map.of(
                names.get(0), new Values.Tokens(random.ints(1 + i % 5, 0, 9).toArray()),
                names.get(1), new Values.Tokens(random.ints(1 + i % 7, 0, 9).toArray())));
        expected.add(predictor.predict(questions.get(i)));
        assertEquals(9 * (1 + i % 7), expected.get(i).length);
      }
      onThreads(
          8,
          number -> {
            for (int i = number * 3; i < (number + 1) * 3; i++) {
              assertArrayEquals(expected.get(i), predictor.predict(questions.get(i)));
            }
          });
    }
  }

  @Test
  void laterAnswersComeOnOtherThreads() throws Exception {
    try (Predictor predictor = open(languageModel(false), "java")) {
      int[] tokens = {1, 2, 3};
      CompletableFuture<float[]> answer = predictor.submit(tokens);
      Arrays.fill(tokens, 0); // which is not seen
      // Waiting for another answer on the predictor's own thread would be for ever.
      float[] both =
          answer.thenApply(first -> predictor.predict(1, 2, 3)).get(60, TimeUnit.SECONDS);
      assertArrayEquals(answer.get(), both);
    }
  }

  // ---- sessions --------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "java", "cuda"})
  void aStreamInPartsIsTheSequence(String device) throws Exception {
    for (boolean learnedStart : new boolean[] {false, true}) {
      try (Predictor predictor = open(languageModel(learnedStart), device)) {
        int streams = 9;
        onThreads(
            streams,
            number -> {
              SplittableRandom random = new SplittableRandom(number);
              int[] tokens = tokens(random, 20);
              float[] whole = predictor.predict(tokens);
              Session session = predictor.newSession();
              for (int turn = 0; turn < 2; turn++) {
                for (int from = 0; from < tokens.length; ) {
                  int to = Math.min(tokens.length, from + random.nextInt(1, 6));
                  float[] part = session.next(Arrays.copyOfRange(tokens, from, to));
                  float[] expected = Arrays.copyOfRange(whole, from * 11, to * 11);
                  assertArrayEquals(expected, part, device.equals("cuda") ? 1e-6f : 1e-30f);
                  from = to;
                }
                session.reset();
              }
            });
      }
    }
  }

  @Test
  void aStreamGoesOnElsewhere() {
    TrainedModel trained = languageModel(true);
    float[] state;
    float[] expected;
    try (Predictor predictor = open(trained, "java")) {
      Session session = predictor.newSession();
      assertNull(session.state());
      session.next(1, 2, 3);
      state = requireNonNull(session.state());
      expected = session.next(4);
      assertFalse(Arrays.equals(state, session.state()));
    }
    try (Predictor predictor = open(trained, "java")) {
      assertArrayEquals(expected, predictor.newSession(state).next(4));
      assertThrows(IllegalArgumentException.class, () -> predictor.newSession(new float[3]));
      float[] broken = state.clone();
      broken[5] = Float.NaN;
      Exception refused =
          assertThrows(IllegalArgumentException.class, () -> predictor.newSession(broken));
      assertEquals("element 5 of the state is NaN; needed a finite number", string(refused));
    }
  }

  @Test
  void twoThreadsDoNotShareASession() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    try (Predictor predictor =
        Predictor.builder(languageModel(false))
            .device("java")
            .listener(blocking(inside, leave))
            .build()) {
      Session session = predictor.newSession();
      session.next(1);
      inside.await(); // The predictor's thread stands still.
      CompletableFuture<float[]> other =
          CompletableFuture.supplyAsync(() -> session.next(2), run -> new Thread(run, "b").start());
      while (predictor.stats().waiting() == 0) {
        Thread.onSpinWait();
      }
      Exception refused = assertThrows(IllegalStateException.class, () -> session.next(3));
      assertTrue(string(refused).startsWith("thread 'b' is in a call of this session; "));
      assertThrows(IllegalStateException.class, session::reset);
      assertThrows(IllegalStateException.class, session::state);
      leave.countDown();
      other.get(60, TimeUnit.SECONDS);
      session.next(3);
    }
  }

  @Test
  void whoeverNeedsWholeSequencesHasNoSessions() {
    try (Predictor predictor = open(classifier(), "java")) {
      assertThrows(IllegalArgumentException.class, predictor::newSession);
    }
  }

  // ---- limits ----------------------------------------------------------------------------------

  /** Lets the first answer through, and keeps the predictor's thread from then on. */
  private static PredictorListener blocking(CountDownLatch inside, CountDownLatch leave) {
    return new PredictorListener() {
      @Override
      public void answered(long waitedNanos, long computedNanos, int batchSize) {
        inside.countDown();
        try {
          leave.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }

      @Override
      public void failed(int batchSize, Throwable cause) {}
    };
  }

  @Test
  void noMoreWaitThanMay() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    List<CompletableFuture<float[]>> accepted = new ArrayList<>();
    try (Predictor predictor =
        Predictor.builder(languageModel(false))
            .device("java")
            .maxQueued(3)
            .listener(blocking(inside, leave))
            .build()) {
      accepted.add(predictor.submit(1));
      inside.await();
      for (int i = 0; i < 3; i++) {
        accepted.add(predictor.submit(1, 2));
      }
      Exception refused =
          assertThrows(RejectedExecutionException.class, () -> predictor.predict(1));
      assertEquals("3 requests wait for the predictor; needed less than 3", string(refused));
      leave.countDown();
      for (CompletableFuture<float[]> answer : accepted) {
        answer.get(60, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void aFullBatchWaitsNoLonger() throws Exception {
    try (Predictor predictor =
        Predictor.builder(languageModel(false))
            .device("java")
            .maxBatch(3)
            .maxWait(Duration.ofMinutes(1))
            .build()) {
      List<CompletableFuture<float[]>> answers = new ArrayList<>();
      for (int i = 1; i <= 3; i++) {
        answers.add(predictor.submit(new int[i]));
      }
      for (CompletableFuture<float[]> answer : answers) {
        answer.get(50, TimeUnit.SECONDS);
      }
      assertEquals(1, predictor.stats().batches());
    }
  }

  @Test
  void sizesAreRoundedUpAndNotByMuch() {
    int last = 0;
    for (int n = 1; n <= 5000; n++) {
      int rounded = BatchSizes.rounded(n);
      assertTrue(rounded >= n && 2 * rounded <= 3 * n, n + " becomes " + rounded);
      assertTrue(rounded >= last);
      assertEquals(rounded, BatchSizes.rounded(rounded));
      last = rounded;
    }
  }

  @Test
  void onlyBatchesWithinBoundsAreMade() {
    Network network =
        Network.builder().vectors("x", 8).add("y", Recurrent.of(CellType.LSTM, 8, 8), "x").build();
    BatchSizes sizes = new BatchSizes(network, List.of("x"), 64, true, false);
    Request two = new Request(List.of(), new int[] {2}, null);
    Request long3 = new Request(List.of(), new int[] {3_000_000}, null);
    assertTrue(sizes.fits(List.of(two), two));
    assertFalse(sizes.fits(List.of(two), long3), "2 · 8 · 4 · 3,145,728 elements are too many");
    sizes.requireFits(long3);
    for (boolean invariant : new boolean[] {true, false}) {
      BatchSizes any = new BatchSizes(network, List.of("x"), 64, invariant, false);
      Request endless = new Request(List.of(), new int[] {Integer.MAX_VALUE}, null);
      assertFalse(any.fits(List.of(two), endless));
      Exception refused =
          assertThrows(IllegalArgumentException.class, () -> any.requireFits(endless));
      assertTrue(string(refused).startsWith("input 'x' has 2147483647 time steps, "));
    }
  }

  // ---- the end ---------------------------------------------------------------------------------

  @Test
  void whatWasAskedIsAnsweredBeforeTheEnd() throws Exception {
    Predictor predictor = open(languageModel(false), "java");
    List<CompletableFuture<float[]>> answers = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      answers.add(predictor.submit(new int[1 + i % 9]));
    }
    onThreads(4, number -> predictor.close());
    for (CompletableFuture<float[]> answer : answers) {
      answer.get(1, TimeUnit.SECONDS);
    }
    predictor.close();
    Session session = predictor.newSession();
    for (ThreadTask late :
        List.<ThreadTask>of(
            number -> predictor.predict(1),
            number -> session.next(1),
            number -> predictor.submit(1).join())) {
      Exception refused = assertThrows(IllegalStateException.class, () -> late.run(0));
      assertEquals("the predictor is used after close", string(refused));
    }
  }

  @Test
  void aListenerMayCloseIt() throws Exception {
    AtomicReference<Predictor> itself = new AtomicReference<>();
    Predictor predictor =
        Predictor.builder(languageModel(false))
            .device("java")
            .listener(
                new PredictorListener() {
                  @Override
                  public void answered(long waitedNanos, long computedNanos, int batchSize) {
                    requireNonNull(itself.get()).close();
                    throw new AssertionError("of a listener, to be passed over");
                  }

                  @Override
                  public void failed(int batchSize, Throwable cause) {}
                })
            .build();
    itself.set(predictor);
    predictor.predict(1);
    predictor.close();
  }

  @Test
  void metersShowWhatItDoes() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    PredictorMetrics metrics = new PredictorMetrics(registry, Tags.of("model", "names"));
    try (Predictor predictor =
        Predictor.builder(languageModel(false)).device("java").listener(metrics).build()) {
      metrics.watch(predictor);
      predictor.predict(1, 2, 3);
      predictor.predict(4);
    } // after which the listener has been told
    assertEquals(2, registry.get("sequor.predictor.wait").tag("model", "names").timer().count());
    assertTrue(
        registry.get("sequor.predictor.compute").timer().totalTime(TimeUnit.NANOSECONDS) > 0);
    assertEquals(2, registry.get("sequor.predictor.batch").summary().count());
    assertEquals(1, registry.get("sequor.predictor.batch").summary().max());
    assertEquals(0, registry.get("sequor.predictor.failed").counter().count());
    assertEquals(0, registry.get("sequor.predictor.waiting").gauge().value());
    metrics.failed(3, new IllegalStateException());
    assertEquals(3, registry.get("sequor.predictor.failed").counter().count());
  }

  // ---- failures --------------------------------------------------------------------------------

  /** Passes on what it is given, until it is told to fail. */
  private record Fragile() implements Module {
    static volatile boolean fails;

    @Override
    public List<Block> parameters() {
      return List.of();
    }

    @Override
    public List<Output> outputs(List<ValueShape> inputs) {
      return List.of(new Output("y", inputs.get(0)));
    }

    @Override
    public Pass bind(Binding binding) {
      return Pass.of(
          () -> {
            if (fails) {
              throw new IllegalStateException("broken");
            }
            binding.backend().copy(binding.input(0), binding.output(0));
          },
          () -> {});
    }
  }

  @Test
  void aBatchThatFailsTellsItsSendersAndNoOneElse() throws Exception {
    Network network = Network.builder().vectors("x", 3).add("y", new Fragile(), "x").build();
    TrainedModel trained = model(new NetworkModelSpec(network, Loss.meanSquaredError()));
    float[] values = {1, 2, 3};
    try (Predictor predictor = Predictor.builder(trained).device("java").build()) {
      assertArrayEquals(values, predictor.predict(values));
      Fragile.fails = true;
      Exception first = assertThrows(BackendException.class, () -> predictor.predict(values));
      assertEquals("a batch of 1 failed: java.lang.IllegalStateException: broken", string(first));
      Exception second = assertThrows(BackendException.class, () -> predictor.predict(values));
      assertNotEquals(first, second);
      CompletionException later =
          assertThrows(CompletionException.class, () -> predictor.submit(values).join());
      assertSame(BackendException.class, requireNonNull(later.getCause()).getClass());
      Fragile.fails = false;
      assertArrayEquals(values, predictor.predict(values));
      assertEquals(3, predictor.stats().failed());
      assertEquals(2, predictor.stats().answered());
    } finally {
      Fragile.fails = false;
    }
  }

  @Test
  void whatDoesNotFitIsRefusedAtOnce() {
    try (Predictor tokens = open(languageModel(false), "java");
        Predictor vectors = open(classifier(), "java")) {
      assertEquals(
          "token at t=1 is 11; a vocabulary of 11 needs 0 to 10",
          string(assertThrows(IllegalArgumentException.class, () -> tokens.predict(3, 11))));
      assertTrue(
          string(assertThrows(IllegalArgumentException.class, () -> tokens.predict(1f)))
              .endsWith("is given values of another kind; needed tokens of a vocabulary of 11"));
      assertTrue(
          string(assertThrows(IllegalArgumentException.class, () -> vectors.predict(1f, 2f)))
              .endsWith("holds 2 numbers; needed whole vectors of 3"));
      assertTrue(
          string(assertThrows(IllegalArgumentException.class, () -> vectors.predict(new float[0])))
              .endsWith("has no time step; needed at least 1"));
      assertThrows(IllegalArgumentException.class, () -> vectors.predict(Map.of()));
      assertTrue(
          string(
                  assertThrows(
                      IllegalArgumentException.class,
                      () -> vectors.predict(Map.of("nobody", new Values.Reals(new float[3])))))
              .startsWith("the model has no input 'nobody'; it has ["));
      assertEquals(0, vectors.stats().answered() + vectors.stats().failed());
    }
    Predictor.Builder builder = Predictor.builder(classifier());
    assertThrows(IllegalArgumentException.class, () -> builder.maxBatch(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxQueued(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxWait(Duration.ofMillis(-1)));
    assertThrows(
        BackendUnavailableException.class, () -> builder.device("nobody's device").build());
  }

  /** Some steps in, of which four are read by their numbers or all, and three out. */
  private static TrainedModel steps(Module reading, int width) {
    return model(
        new NetworkModelSpec(
            Network.builder()
                .vectors("x", 3)
                .add("stack", Recurrent.of(CellType.GRU_RESET_BEFORE, 3, 5), "x")
                .add("read", reading, "stack")
                .add("steps", new RepeatSteps("steps", 3), "read")
                .add("y", Recurrent.of(CellType.GRU_RESET_BEFORE, width, 2), "steps")
                .build(),
            Loss.meanSquaredError()));
  }

  private static float[] alone(TrainedModel model, float[] x) {
    try (Backend backend = Devices.open("java");
        SequenceModel open = model.open(backend)) {
      return open.forward(x.length / 3, 1, x, null, null).readFloats();
    }
  }

  /** Answers have the steps that the model brings; what is read by number is never padding. */
  @Test
  void stepsOfTheModelsOwnAreAnsweredAndStepsReadByNumberAreNotPadded() {
    SplittableRandom random = new SplittableRandom(4);
    for (TrainedModel model :
        List.of(
            steps(new LastStep(1), 5), steps(new TimeStep(-1), 5), steps(new TimeStep(-3), 5))) {
      try (Predictor predictor =
          Predictor.builder(model)
              .device("java")
              .maxBatch(16)
              .maxWait(Duration.ofMillis(20))
              .build()) {
        List<float[]> inputs = new ArrayList<>();
        List<CompletableFuture<float[]>> answers = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
          inputs.add(vectors(random, 3 + i % 5));
          answers.add(predictor.submit(inputs.get(i)));
        }
        for (int i = 0; i < 12; i++) {
          float[] answer = answers.get(i).join();
          assertEquals(3 * 2, answer.length);
          assertArrayEquals(alone(model, inputs.get(i)), answer, 1e-5f, "answer " + i);
        }
      }
    }
    TrainedModel model = steps(new StepsToColumns(4), 20);
    try (Predictor predictor = Predictor.builder(model).device("java").build()) {
      float[] x = vectors(random, 4);
      assertArrayEquals(alone(model, x), predictor.predict(x), 1e-5f);
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> predictor.predict(vectors(random, 3)));
      assertEquals("timeSteps of 'x' is 3; needed 4", refused.getMessage());
    }
  }
}
