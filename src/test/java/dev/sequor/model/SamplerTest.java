package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

final class SamplerTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(4, 4).hiddenSize(12).build();

  private final Backend backend = Devices.open("java");
  private final SequenceModel model = new SequenceModel(backend, SPEC, 1);
  private final Sampler sampler = new Sampler(model);

  @AfterEach
  void close() {
    sampler.close();
    model.close();
    backend.close();
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Teaches 0 0 1 0 2 3 again and again: what follows a 0 depends on what came before it. */
  private void learnCycle() {
    int[] cycle = {0, 0, 1, 0, 2, 3};
    int[] tokens = new int[24];
    int[] targets = new int[24];
    for (int t = 0; t < 24; t++) {
      tokens[t] = cycle[t % 6];
      targets[t] = cycle[(t + 1) % 6];
    }
    try (Trainer trainer = new Trainer(model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 1)) {
      for (int step = 0; step < 200; step++) {
        trainer.step(new TokenWindow(24, 1, tokens, targets, null, true));
      }
    }
  }

  @Test
  void greedySamplingContinuesALearnedCycleFromItsPrime() {
    learnCycle();
    int[] drawn = sampler.sample(new int[] {0, 0, 1, 0}, 8, Sampling.greedy());
    assertArrayEquals(new int[] {2, 3, 0, 0, 1, 0, 2, 3}, drawn);
  }

  @Test
  void theSameSeedDrawsTheSameTokens() {
    int[] prime = {1};
    int[] drawn = sampler.sample(prime, 50, Sampling.ofTemperature(1, 3));
    assertArrayEquals(drawn, sampler.sample(prime, 50, Sampling.ofTemperature(1, 3)));
    int[] start = sampler.sample(prime, 20, Sampling.ofTemperature(1, 3));
    assertArrayEquals(Arrays.copyOf(drawn, 20), start);
    assertFalse(Arrays.equals(drawn, sampler.sample(prime, 50, Sampling.ofTemperature(1, 4))));
  }

  @Test
  void everyBackendDrawsTheSameTokensFromACellWithOptions() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(4, 4)
            .hiddenSize(12)
            .layers(2)
            .options(SampleOptions.everything(CellType.LSTM))
            .build();
    Map<String, int[]> drawn = new HashMap<>();
    UsableBackends.names()
        .forEach(
            device -> {
              try (Backend other = Devices.open(device);
                  SequenceModel its = new SequenceModel(other, spec, 1);
                  Sampler from = new Sampler(its)) {
                Sampling sampling = Sampling.ofTemperature(1, 8);
                drawn.put(device, from.sample(new int[] {2, 1}, 40, sampling));
              }
            });
    int[] expected = Objects.requireNonNull(drawn.get("java"));
    drawn.forEach((device, tokens) -> assertArrayEquals(expected, tokens, device));
  }

  @Test
  void everyBackendDrawsTheSameTokens() {
    int[] expected = sampler.sample(new int[] {2, 1}, 40, Sampling.ofTemperature(1, 8));
    UsableBackends.names()
        .forEach(
            device -> {
              try (Backend other = Devices.open(device);
                  SequenceModel same = new SequenceModel(other, SPEC, 1);
                  Sampler its = new Sampler(same)) {
                assertArrayEquals(
                    expected, its.sample(new int[] {2, 1}, 40, Sampling.ofTemperature(1, 8)));
              }
            });
  }

  @Test
  void drawingStopsWhenTheReaderHasEnough() {
    List<Integer> drawn = new ArrayList<>();
    sampler.sample(
        new int[] {1},
        Sampling.ofTemperature(1, 3),
        token -> {
          drawn.add(token);
          return drawn.size() < 7;
        });
    int[] expected = sampler.sample(new int[] {1}, 7, Sampling.ofTemperature(1, 3));
    assertArrayEquals(expected, drawn.stream().mapToInt(Integer::intValue).toArray());
    assertEquals(0, sampler.sample(new int[] {1}, 0, Sampling.greedy()).length);
  }

  @Test
  void primesAndModelsThatCannotBeContinuedAreRefused() {
    refused(
        "prime holds no token; needed at least 1 to continue",
        () -> sampler.sample(new int[0], 1, Sampling.greedy()));
    refused(
        "token 1 of prime is 4; a vocabulary of 4 needs 0 to 3",
        () -> sampler.sample(new int[] {0, 4}, 1, Sampling.greedy()));
    SequenceModelSpec both =
        SequenceModelSpec.languageModel(4, 4).hiddenSize(3).bidirectional(true).build();
    try (SequenceModel other = new SequenceModel(backend, both, 1)) {
      refused(
          "the model is bidirectional; sampling a sequence needs a unidirectional one",
          () -> new Sampler(other));
    }
    SequenceModelSpec last =
        SequenceModelSpec.languageModel(4, 4).hiddenSize(3).readout(Readout.LAST_STEP).build();
    try (SequenceModel other = new SequenceModel(backend, last, 1)) {
      refused(
          "the model reads out the last step only; sampling a sequence needs an output at every"
              + " step",
          () -> new Sampler(other));
    }
  }
}
