package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkState;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class SequenceModelTest {
  private static final int[] LENGTHS = {3, 0, 4};

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  private static Window tokens(int padding) {
    int[] tokens = {1, padding, 2, 0, padding, 1, 2, padding, 2, padding, padding, 0};
    int[] targets = {0, padding, 1, 2, padding, 0, 1, padding, 2, padding, padding, 1};
    return new TokenWindow(4, 3, tokens, targets, LENGTHS, true);
  }

  private static Window vectors(float padding) {
    float[] x = {1, padding, 2, 0, padding, 1, 2, padding, 2, padding, padding, 0};
    float[] t = {1, padding, 0, 0, padding, 1, 0, padding, 1, padding, padding, 0};
    return new SeriesWindow(4, 3, new Values.Reals(x), new Values.Reals(t), LENGTHS, true);
  }

  private static void assertSameLossAndGradients(SequenceModel model, Window a, Window b) {
    float[] gradients;
    try (Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 0)) {
      assertEquals(7, trainer.backpropagate(a, 0, 0).predictions());
      gradients = model.weights().gradients().readFloats();
      assertEquals(7, trainer.backpropagate(b, 0, 0).predictions());
    }
    assertArrayEquals(gradients, model.weights().gradients().readFloats());
    BatchLoss loss = model.loss(a, null);
    assertEquals(7, loss.predictions());
    assertEquals(loss, model.loss(b, null));
    assertFalse(Double.isNaN(loss.sum()));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void whatLiesPastASequencesEndHasNoInfluence(String device) {
    try (Backend backend = Devices.open(device)) {
      for (boolean bidirectional : new boolean[] {false, true}) {
        SequenceModelSpec language =
            SequenceModelSpec.languageModel(3, 4)
                .hiddenSize(5)
                .layers(2)
                .bidirectional(bidirectional)
                .build();
        try (SequenceModel model = new SequenceModel(backend, language, 1)) {
          assertSameLossAndGradients(model, tokens(0), tokens(999));
        }
        SequenceModelSpec series =
            SequenceModelSpec.builder(InputSpec.dense(1), 1)
                .hiddenSize(5)
                .layers(2)
                .bidirectional(bidirectional)
                .loss(Loss.binaryCrossEntropy())
                .build();
        try (SequenceModel model = new SequenceModel(backend, series, 1)) {
          assertSameLossAndGradients(model, vectors(0), vectors(Float.NaN));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aPaddedBatchGivesEachSequenceWhatItGetsAlone(String device) {
    for (Readout readout : Readout.values()) {
      SequenceModelSpec spec =
          SequenceModelSpec.languageModel(3, 4)
              .hiddenSize(5)
              .bidirectional(true)
              .readout(readout)
              .build();
      int[] padded = ((TokenWindow) tokens(0)).tokens();
      try (Backend backend = Devices.open(device);
          SequenceModel model = new SequenceModel(backend, spec, 1)) {
        float[] together = model.forward(4, 3, padded, LENGTHS, null).readFloats();
        for (int b : new int[] {0, 2}) {
          int[] own = new int[LENGTHS[b]];
          for (int t = 0; t < own.length; t++) {
            own[t] = padded[t * 3 + b];
          }
          float[] alone = model.forward(own.length, 1, own, null, null).readFloats();
          for (int row = 0; row < (readout == Readout.EVERY_STEP ? own.length : 1); row++) {
            assertArrayEquals(
                Arrays.copyOfRange(alone, row * 3, row * 3 + 3),
                Arrays.copyOfRange(together, (row * 3 + b) * 3, (row * 3 + b) * 3 + 3),
                1e-6f);
          }
        }
      }
    }
  }

  @Test
  void theSameSeedGivesTheSameWeightsOnEveryBackend() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(4).build();
    List<float[]> weights =
        UsableBackends.names()
            .map(
                device -> {
                  try (Backend backend = Devices.open(device);
                      SequenceModel model = new SequenceModel(backend, spec, 7)) {
                    return model.parameters().readFloats();
                  }
                })
            .toList();
    weights.forEach(w -> assertArrayEquals(weights.get(0), w));
  }

  @Test
  void tensorsLoadIntoAnotherModel() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(4).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 7);
        SequenceModel other = new SequenceModel(backend, spec, 8)) {
      int[] tokens = {0, 1, 2, 3, 4, 5};
      float[] outputs = model.forward(6, 1, tokens, null, null).readFloats();
      assertFalse(Arrays.equals(outputs, other.forward(6, 1, tokens, null, null).readFloats()));
      other.load(model.tensors());
      assertArrayEquals(outputs, other.forward(6, 1, tokens, null, null).readFloats());
    }
  }

  /** Bytes of heap that {@code work} asks for, in this thread. */
  private static long allocatedBy(Supplier<SequenceModel> work) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (SequenceModel model = work.get()) {
      assertEquals(1, model.spec().network().inputs().size());
      return threads.getCurrentThreadAllocatedBytes() - before;
    }
  }

  @Test
  void loadingDrawsNoWeightsBeforeItTakesThoseOfTheFile() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(160).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 7)) {
      List<NamedTensor> tensors = model.tensors();
      // Orthogonal matrices are made in double precision; a load copies floats, twice.
      long drawn = allocatedBy(() -> new SequenceModel(backend, spec, 7));
      long loaded =
          allocatedBy(() -> SequenceModel.of(backend, spec, tensors, WeightStorage.FLOAT32));
      assertTrue(drawn > 16 * spec.weights(), drawn + " bytes drawn");
      assertTrue(loaded < 12 * spec.weights(), loaded + " bytes loaded");
    }
  }

  @Test
  void manyShapesPassThroughTheBoundedMemory() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(4).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 7)) {
      float[] first = model.forward(1, 1, new int[] {3}, null, null).readFloats();
      for (int steps = 2; steps < 20; steps++) {
        model.forward(steps, 2, new int[steps * 2], null, null);
      }
      assertArrayEquals(first, model.forward(1, 1, new int[] {3}, null, null).readFloats());
    }
  }

  @Test
  void inferenceArgumentsThatDoNotFitAreNamed() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(4).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 7);
        NetworkState state = model.newState(2)) {
      assertEquals(
          "the state carries 2 sequences; a batch with B=1 needs 1",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> model.forward(2, 1, new int[2], null, state))
              .getMessage());
      assertEquals(
          "tokens holds 3 elements; a batch with T=2 B=1 needs 2",
          assertThrows(
                  IllegalArgumentException.class, () -> model.forward(2, 1, new int[3], null, null))
              .getMessage());
      assertEquals(
          "lengths[0] is 3; needed 0 to T=2",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> model.forward(2, 1, new int[2], new int[] {3}, null))
              .getMessage());
      assertEquals(
          "timeSteps is 0; needed at least 1",
          assertThrows(
                  IllegalArgumentException.class, () -> model.forward(0, 1, new int[0], null, null))
              .getMessage());
    }
  }

  @Test
  void aClosedModelSaysSo() {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(6, 3).hiddenSize(4).build();
    try (Backend backend = Devices.open("java")) {
      SequenceModel model = new SequenceModel(backend, spec, 7);
      model.close();
      assertEquals(
          "the model is used after close",
          assertThrows(
                  IllegalStateException.class, () -> model.forward(2, 1, new int[2], null, null))
              .getMessage());
    }
  }
}
