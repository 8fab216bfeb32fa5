package dev.sequor.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.model.SequenceModelSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One predictor, several devices. */
@Timeout(240)
class PredictorOnSeveralDevicesTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(13, 6).cell(CellType.LSTM).hiddenSize(40).build();

  @Test
  void allDevicesAnswerAsOneDoes() {
    Set<String> used = ConcurrentHashMap.newKeySet();
    PredictorListener watch =
        new PredictorListener() {
          @Override
          public void answered(long waitedNanos, long computedNanos, int batchSize) {
            used.add(Thread.currentThread().getName());
          }

          @Override
          public void failed(int batchSize, Throwable cause) {}
        };
    List<int[]> requests = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 600; i++) {
      requests.add(random.ints(random.nextInt(1, 40), 0, 13).toArray());
    }
    try (Predictor one = Predictor.builder(PredictorTest.model(SPEC)).device("java").build();
        Predictor several =
            Predictor.builder(PredictorTest.model(SPEC))
                .device("java,java,java")
                .maxBatch(4)
                .listener(watch)
                .build()) {
      assertEquals(3, several.device().split(" \\+ ", -1).length, several.device());
      List<CompletableFuture<float[]>> answers = new ArrayList<>();
      requests.forEach(tokens -> answers.add(several.submit(tokens)));
      for (int i = 0; i < requests.size(); i++) {
        assertArrayEquals(one.predict(requests.get(i)), answers.get(i).join(), "request " + i);
      }
      assertEquals(3, used.size(), "all devices were used: " + used);
    }
  }

  @Test
  void aSessionMayGoFromDeviceToDevice() {
    SplittableRandom random = new SplittableRandom(5);
    try (Predictor one = Predictor.builder(PredictorTest.model(SPEC)).device("java").build();
        Predictor several =
            Predictor.builder(PredictorTest.model(SPEC)).device("java,java").build()) {
      Session expected = one.newSession();
      List<Session> sessions = List.of(several.newSession(), several.newSession());
      for (int i = 0; i < 30; i++) {
        int[] tokens = random.ints(3, 0, 13).toArray();
        float[] answer = expected.next(tokens);
        for (Session session : sessions) {
          assertArrayEquals(answer, session.next(tokens));
        }
      }
    }
  }

  @Test
  void aListWithADeviceThatIsNotThereIsRefused() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    Predictor.builder(PredictorTest.model(SPEC))
                        .device("java,auto")
                        .build()
                        .close())
            .getMessage();
    assertTrue(String.valueOf(message).contains("'auto'"), message);
  }
}
