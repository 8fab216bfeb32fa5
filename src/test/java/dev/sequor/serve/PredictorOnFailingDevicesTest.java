package dev.sequor.serve;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModelSpec;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A predictor of two GPUs of which one fails, for once or for good. */
@Tag("gpu")
@Timeout(120)
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
class PredictorOnFailingDevicesTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(13, 6).cell(CellType.LSTM).hiddenSize(20).build();
  private static final int ILLEGAL_ADDRESS = 700;
  private static final int LAUNCH_OUT_OF_RESOURCES = 701;
  private static final int QUESTIONS = 12;

  /** More pieces of work than a request queues. */
  private static final int MOST_WORK = 400;

  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private final List<SimulatorControl> devices =
      List.of(SimulatorControl.of(0), SimulatorControl.of(1));
  private final TrainedModel model = PredictorTest.model(SPEC);
  private final List<int[]> questions = new ArrayList<>();
  private final List<float[]> answers = new ArrayList<>();
  private final Watch watch = new Watch();

  /** Counts requests, each of which is answered or fails, and knows the threads that answered. */
  private static final class Watch implements PredictorListener {
    final AtomicInteger answered = new AtomicInteger();
    final AtomicInteger failed = new AtomicInteger();
    final Set<String> threads = ConcurrentHashMap.newKeySet();

    @Override
    public void answered(long waitedNanos, long computedNanos, int batchSize) {
      answered.incrementAndGet();
      threads.add(Thread.currentThread().getName().replaceFirst("sequor-predictor-\\d+", "of"));
    }

    @Override
    public void failed(int batchSize, Throwable cause) {
      failed.addAndGet(batchSize);
    }
  }

  @BeforeEach
  void askOneDevice() {
    SplittableRandom random = new SplittableRandom(3);
    try (Predictor one = Predictor.builder(model).device("cuda:0").maxBatch(1).build()) {
      for (int i = 0; i < QUESTIONS; i++) {
        questions.add(random.ints(random.nextInt(1, 9), 0, 13).toArray());
        answers.add(one.predict(questions.get(i)));
      }
    }
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void leaveNothing() {
    System.setErr(stderr);
    for (SimulatorControl device : devices) {
      device.set(Field.FAIL_WORK, 0);
      device.set(Field.REFUSE_WORK, 0);
      assertEquals(List.of(0L, 0L, 0L), device.held());
    }
  }

  /** A batch of one, so that an answer's bits are those of one device. */
  private Predictor onBoth() {
    return Predictor.builder(model).device("cuda:0,cuda:1").maxBatch(1).listener(watch).build();
  }

  private void plant(int device, Field how, int code, long count) {
    devices.get(device).set(Field.FAILURE_CODE, code);
    devices.get(device).set(how, count);
  }

  private long lines(String words) {
    return linesOf("", words);
  }

  private long linesOf(String device, String words) {
    String text = log.toString(StandardCharsets.UTF_8);
    return text.lines().filter(line -> line.contains(device) && line.contains(words)).count();
  }

  /** What went wrong with requests that are all there at once; the others are answered right. */
  private List<String> askAll(Predictor predictor) {
    List<CompletableFuture<float[]>> all = new ArrayList<>();
    questions.forEach(tokens -> all.add(predictor.submit(tokens)));
    List<String> failures = new ArrayList<>();
    for (int i = 0; i < QUESTIONS; i++) {
      try {
        assertArrayEquals(answers.get(i), all.get(i).get(), "request " + i);
      } catch (ExecutionException e) {
        failures.add(String.valueOf(requireNonNull(e.getCause()).getMessage()));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    return failures;
  }

  @ParameterizedTest
  @CsvSource({"0,1", "0,40", "1,1", "1,40"})
  void aDeviceThatIsLostIsLeftOutAndTheOtherAnswers(int lost, int work)
      throws InterruptedException, ExecutionException {
    int threads = 4;
    int rounds = 12;
    try (Predictor predictor = onBoth()) {
      plant(lost, Field.FAIL_WORK, ILLEGAL_ADDRESS, work);
      List<String> failures = new ArrayList<>();
      ExecutorService askers = Executors.newFixedThreadPool(threads);
      try {
        List<Future<List<String>>> all = new ArrayList<>();
        for (int i = 0; i < threads * rounds; i++) {
          all.add(askers.submit(() -> askAll(predictor)));
        }
        for (Future<List<String>> one : all) {
          failures.addAll(one.get());
        }
      } finally {
        askers.shutdown();
      }
      assertEquals(1, failures.size(), failures::toString);
      String failure = failures.get(0);
      assertTrue(failure.startsWith("a batch of 1 failed on cuda:" + lost + " "), failure);
      // Whichever call comes after the failure says so.
      assertTrue(failure.matches(".*(CUDA_ERROR_ILLEGAL_ADDRESS|CUBLAS_STATUS).*"), failure);
      int asked = threads * rounds * QUESTIONS;
      assertEquals(asked - 1, predictor.stats().answered());
      assertEquals(1, predictor.stats().failed());
      assertEquals(asked, predictor.stats().batches());
      watch.threads.clear();
      assertEquals(List.of(), askAll(predictor));
      assertEquals(Set.of(lost == 0 ? "of-1" : "of"), watch.threads);
    }
    // Listeners are told after the senders are.
    assertEquals((threads * rounds + 1) * QUESTIONS - 1, watch.answered.get());
    assertEquals(1, watch.failed.get());
    assertEquals(1, linesOf("cuda:" + lost, "answers no more"), log::toString);
    assertEquals(0, lines("Exception in thread"), log::toString);
    try (Predictor again = onBoth()) {
      assertEquals(List.of(), askAll(again));
    }
  }

  @Test
  void theLastDeviceIsNeverLeftOut() {
    try (Predictor predictor = onBoth()) {
      plant(0, Field.FAIL_WORK, ILLEGAL_ADDRESS, 1);
      plant(1, Field.FAIL_WORK, ILLEGAL_ADDRESS, 1);
      while (lines("answers no more") == 0) {
        askAll(predictor);
      }
      int last = linesOf("cuda:0", "answers no more") == 1 ? 1 : 0;
      long before = predictor.stats().failed();
      while (predictor.stats().failed() < before + 5) {
        for (String failure : askAll(predictor)) {
          assertTrue(failure.startsWith("a batch of 1 failed on cuda:" + last + " "), failure);
        }
      }
      for (int i = 0; i < 3; i++) {
        BackendException failure =
            assertThrows(BackendException.class, () -> predictor.predict(questions.get(0)));
        String message = String.valueOf(failure.getMessage());
        assertTrue(message.startsWith("a batch of 1 failed on cuda:" + last + " "), message);
      }
      assertEquals(1, lines("answers no more"), log::toString);
    }
    assertEquals(0, lines("Exception in thread"), log::toString);
  }

  @Test
  void aPassingFailureLeavesNobodyOut() {
    int asked = 0;
    int failed = 0;
    int planted = 0;
    try (Predictor predictor = onBoth()) {
      for (int work = 1; work <= MOST_WORK; work += 1 + work / 8) {
        planted++;
        plant(1, Field.REFUSE_WORK, LAUNCH_OUT_OF_RESOURCES, work);
        while (devices.get(1).get(Field.REFUSE_WORK) > 0) {
          List<String> failures = askAll(predictor);
          asked += QUESTIONS;
          failed += failures.size();
          for (String failure : failures) {
            assertTrue(failure.startsWith("a batch of 1 failed on cuda:1 "), failure);
          }
        }
        watch.threads.clear();
        for (int round = 0; round < 1000 && !watch.threads.contains("of-1"); round++) {
          assertEquals(List.of(), askAll(predictor), "after the failure of piece " + work);
          asked += QUESTIONS;
        }
        assertTrue(watch.threads.contains("of-1"), "cuda:1 after the failure of piece " + work);
      }
      assertEquals(failed, predictor.stats().failed());
      assertEquals(asked - failed, predictor.stats().answered());
    }
    assertTrue(failed > planted / 2, failed + " of " + planted + " failures were told");
    assertFalse(log.toString(StandardCharsets.UTF_8).contains("answers no more"), log::toString);
  }
}
