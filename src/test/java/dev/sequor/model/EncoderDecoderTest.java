package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.Window;
import dev.sequor.model.EncoderDecoderSpec.Bridge;
import dev.sequor.module.Extent;
import dev.sequor.module.GradientCheck;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TeacherForcing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class EncoderDecoderTest {
  private static final int BEGIN = 10;
  private static final int END = 11;

  private static EncoderDecoderSpec digits(int width, int hidden) {
    return EncoderDecoderSpec.of(
        10,
        12,
        BEGIN,
        END,
        RnnSpec.of(CellType.GRU_RESET_BEFORE, width, hidden),
        RnnSpec.of(CellType.GRU_RESET_BEFORE, width, hidden));
  }

  @ParameterizedTest
  @CsvSource({
    "LSTM, LSTM, 1, false, 1, 4, DIRECT",
    "GRU_RESET_BEFORE, GRU_RESET_BEFORE, 3, false, 2, 4, DIRECT",
    "GRU_RESET_BEFORE, GRU_RESET_BEFORE, 1, false, 3, 4, DIRECT",
    "LSTM, LSTM, 2, true, 2, 4, LINEAR",
    "LSTM, LSTM, 3, true, 1, 5, TANH",
    "GRU_RESET_BEFORE, LSTM, 1, true, 2, 3, TANH",
    "LSTM, GRU_RESET_BEFORE, 2, false, 3, 5, LINEAR",
  })
  void gradientsFlowThroughEveryBridge(
      CellType reads,
      CellType writes,
      int layers,
      boolean both,
      int decoderLayers,
      int hidden,
      Bridge bridge) {
    EncoderDecoderSpec spec =
        EncoderDecoderSpec.of(
                6,
                6,
                0,
                1,
                RnnSpec.of(reads, 3, 4).withLayers(layers).withBidirectional(both),
                RnnSpec.of(writes, 3, hidden).withLayers(decoderLayers))
            .withBridge(bridge)
            .withSharedEmbeddings(layers == 2);
    try (Backend backend = Devices.open("java")) {
      Extent extent = new Extent(2, Map.of("source", 4, "target", 3));
      GradientCheck.of(backend, spec.network(), extent, 1).requireWithin(0.02);
    }
  }

  /** A projected decoder has outputs narrower than its cell state. */
  @Test
  void aProjectedDecoderLearnsAndWrites() {
    CellOptions projected = CellOptions.builder().projectionSize(3).build();
    RnnSpec stack = RnnSpec.of(CellType.LSTM, 3, 5).withOptions(projected);
    for (Bridge bridge : List.of(Bridge.DIRECT, Bridge.TANH)) {
      EncoderDecoderSpec spec = EncoderDecoderSpec.of(6, 6, 0, 1, stack, stack).withBridge(bridge);
      try (Backend backend = Devices.open("java")) {
        Extent extent = new Extent(2, Map.of("source", 4, "target", 3));
        GradientCheck.of(backend, spec.network(), extent, 1).requireWithin(0.02);
        try (SequenceModel model = new SequenceModel(backend, spec, 3);
            Trainer trainer = new Trainer(model, Optimizer.adam(0.02f), Clipping.none(), 1);
            Translator translator = new Translator(model)) {
          List<int[]> sources = List.of(new int[] {2, 3}, new int[] {4, 5, 4});
          List<int[]> targets = List.of(new int[] {5}, new int[] {2, 3, 2});
          for (int i = 0; i < 200; i++) {
            trainer.step(spec.window(sources, targets));
          }
          assertEquals(1, translator.errors(sources, targets).exactMatch());
        }
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    RnnSpec small = RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 4);
    EncoderDecoderSpec spec = EncoderDecoderSpec.of(5, 6, 0, 1, small, small);
    refused(
        "end is 6; a vocabulary of 6 needs 0 to 5",
        () -> EncoderDecoderSpec.of(5, 6, 0, 6, small, small));
    refused(
        "the decoder is bidirectional; it writes one token after another and needs one direction",
        () -> EncoderDecoderSpec.of(5, 6, 0, 1, small, small.withBidirectional(true)));
    refused(
        "the embeddings are [5,3] and [6,3]; sharing them needs equal sizes",
        () -> spec.withSharedEmbeddings(true));
    EncoderDecoderSpec both =
        EncoderDecoderSpec.of(5, 6, 0, 1, small.withBidirectional(true), small);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> both.withBridge(Bridge.DIRECT))
            .toString()
            .contains("without one needed 1 direction and equal widths"));
    refused(
        "there are 2 sources and 1 targets; needed as many, and at least 1",
        () -> spec.window(List.of(new int[1], new int[1]), List.of(new int[1])));
    refused(
        "targetSteps is 2; the longest target with its end needs at least 3",
        () -> spec.window(List.of(new int[1]), List.of(new int[2]), 1, 2));
    refused(
        "sourceSteps is 0; the longest source needs at least 1",
        () -> spec.window(List.of(new int[0]), List.of(new int[2]), 0, 3));
    refused(
        "rate is 0.5; INVERSE_SIGMOID needs at least 1",
        () -> TeacherForcing.inverseSigmoid(0.5, 0));
  }

  private static void refused(String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Padding on both axes: the sum of the losses alone is the loss together. */
  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aPaddedPairLosesWhatItLosesAlone(String device) {
    List<int[]> sources = List.of(new int[] {1, 2, 3, 4}, new int[] {5}, new int[0]);
    List<int[]> targets = List.of(new int[] {7}, new int[] {1, 2, 3}, new int[] {4, 4});
    EncoderDecoderSpec spec =
        EncoderDecoderSpec.of(
            10,
            12,
            BEGIN,
            END,
            RnnSpec.of(CellType.LSTM, 4, 6).withBidirectional(true),
            RnnSpec.of(CellType.LSTM, 4, 6).withLayers(2));
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      double alone = 0;
      for (int i = 0; i < 3; i++) {
        Window one = spec.window(sources.subList(i, i + 1), targets.subList(i, i + 1));
        alone += model.loss(one, null).sum();
      }
      BatchLoss together = model.loss(spec.window(sources, targets), null);
      assertEquals(2 + 4 + 3, together.predictions());
      assertEquals(alone, together.sum(), 1e-4);
      assertEquals(alone, model.loss(spec.window(sources, targets, 7, 9), null).sum(), 1e-4);
    }
  }

  @Test
  void theSchedulesAreThoseOfBengioAndOthers() {
    assertEquals(0.7, TeacherForcing.constant(0.7).probability(1000));
    assertEquals(1, TeacherForcing.linear(0.01, 0.2).probability(0));
    assertEquals(0.5, TeacherForcing.linear(0.01, 0.2).probability(50), 1e-12);
    assertEquals(0.2, TeacherForcing.linear(0.01, 0.2).probability(90));
    assertEquals(0.81, TeacherForcing.exponential(0.9, 0).probability(2), 1e-12);
    assertEquals(0.3, TeacherForcing.exponential(0.9, 0.3).probability(200));
    assertEquals(
        20 / (20 + Math.exp(2)), TeacherForcing.inverseSigmoid(20, 0).probability(40), 1e-12);
    assertEquals(0, TeacherForcing.inverseSigmoid(20, 0).probability(1_000_000));
  }

  private static Window pairs(EncoderDecoderSpec spec, int count, int length, long seed) {
    Random random = new Random(seed);
    List<int[]> sources = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sources.add(random.ints(length - i % 2, 0, 10).toArray());
    }
    return spec.window(sources, sources.stream().map(EncoderDecoderTest::reversed).toList());
  }

  private static int[] reversed(int[] tokens) {
    int[] reversed = new int[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      reversed[i] = tokens[tokens.length - 1 - i];
    }
    return reversed;
  }

  private static Set<String> names(EncoderDecoderSpec spec) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      return model.tensors().stream().map(NamedTensor::name).collect(Collectors.toSet());
    }
  }

  @Test
  void aScheduleAddsNoTensor() {
    EncoderDecoderSpec spec = digits(4, 5).withDropout(0.1f);
    assertEquals(names(spec), names(spec.withTeacherForcing(TeacherForcing.constant(0.5))));
  }

  /** Losses of some steps without learning anything. */
  private static double[] losses(String device, EncoderDecoderSpec spec, int steps) {
    double[] losses = new double[steps];
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1e-9f), Clipping.none(), 7)) {
      for (int i = 0; i < steps; i++) {
        losses[i] = trainer.step(pairs(spec, 6, 5, 1)).loss().mean();
      }
    }
    return losses;
  }

  /** A recorded step, too, sees the probability fall from step to step. */
  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void theScheduleFallsFromTeacherForcingToPredictionsOfTheModel(String device) {
    EncoderDecoderSpec spec = digits(4, 8);
    double taught = losses(device, spec, 1)[0];
    double own = losses(device, spec.withTeacherForcing(TeacherForcing.constant(0)), 1)[0];
    double[] falling = losses(device, spec.withTeacherForcing(TeacherForcing.linear(0.2, 0)), 8);
    assertEquals(taught, falling[0], 1e-5);
    assertEquals(own, falling[5], 1e-5);
    assertEquals(own, falling[7], 1e-5);
    for (int i = 1; i < 5; i++) {
      assertTrue(Math.abs(falling[i] - falling[i - 1]) > 1e-6, Arrays.toString(falling));
    }
    // What the second pass reads: the likeliest tokens of the first.
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      Window window = pairs(spec, 6, 5, 1);
      float[] logits = model.forward(window, null).readFloats();
      Window.Part target = window.parts().get(1);
      int[] given = ((dev.sequor.data.Values.Tokens) target.values()).ids().clone();
      for (int i = given.length - 1; i >= 6; i--) {
        int from = (i - 6) * 12;
        int best = 0;
        for (int v = 1; v < 12; v++) {
          best = logits[from + v] > logits[from + best] ? v : best;
        }
        given[i] = best;
      }
      Window mixed =
          new dev.sequor.data.ParallelWindow(
              6,
              List.of(
                  window.parts().get(0),
                  new Window.Part(
                      "target",
                      target.timeSteps(),
                      new dev.sequor.data.Values.Tokens(given),
                      target.lengths())),
              window.targetValues(),
              true);
      assertEquals(model.loss(mixed, null).mean(), own, 1e-5);
      assertNotEquals(taught, own, 1e-4);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void aScheduledRunThatWasStoppedGoesOnBitForBit(String device) {
    EncoderDecoderSpec spec =
        digits(4, 6).withDropout(0.2f).withTeacherForcing(TeacherForcing.exponential(0.8, 0.1));
    try (Backend backend = Devices.open(device);
        SequenceModel whole = new SequenceModel(backend, spec, 1);
        SequenceModel other = new SequenceModel(backend, spec, 2);
        Trainer trainer = new Trainer(whole, Optimizer.adam(0.01f), Clipping.none(), 3);
        Trainer resumed = new Trainer(other, Optimizer.adam(0.01f), Clipping.none(), 9)) {
      for (int i = 0; i < 3; i++) {
        trainer.step(pairs(spec, 4, 4, i));
      }
      resumed.restore(trainer.snapshot());
      for (int i = 3; i < 7; i++) {
        trainer.step(pairs(spec, 4, 4, i));
        resumed.step(pairs(spec, 4, 4, i));
      }
      assertArrayEquals(whole.parameters().readFloats(), other.parameters().readFloats());
    }
  }
}
