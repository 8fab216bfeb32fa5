package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole models against finite differences of the same models in double precision. */
final class SequenceModelGradientTest {
  private static final int T = 5;
  private static final int B = 4;

  private static Stream<Arguments> models() {
    List<SequenceModelSpec> specs = new ArrayList<>();
    for (CellType cell : CellType.values()) {
      specs.add(SequenceModelSpec.languageModel(6, 3).cell(cell).hiddenSize(4).build());
    }
    InputSpec oneHot = InputSpec.oneHot(5);
    InputSpec dense = InputSpec.dense(3);
    for (boolean bidirectional : new boolean[] {false, true}) {
      for (Readout readout : Readout.values()) {
        specs.add(
            SequenceModelSpec.languageModel(6, 3)
                .hiddenSize(3)
                .layers(2)
                .dropout(0.4f)
                .bidirectional(bidirectional)
                .readout(readout)
                .dense(5, Activation.TANH)
                .build());
        specs.add(
            SequenceModelSpec.builder(oneHot, 2)
                .cell(CellType.GRU_RESET_BEFORE)
                .hiddenSize(4)
                .bidirectional(bidirectional)
                .readout(readout)
                .loss(Loss.binaryCrossEntropy())
                .build());
        specs.add(
            SequenceModelSpec.builder(dense, 3)
                .cell(CellType.LSTM_PEEPHOLE)
                .hiddenSize(3)
                .bidirectional(bidirectional)
                .readout(readout)
                .dense(4, Activation.RELU)
                .dense(3, Activation.NONE)
                .loss(Loss.meanSquaredError())
                .build());
      }
    }
    specs.add(
        SequenceModelSpec.builder(InputSpec.tiedEmbedding(6, 4), 6)
            .hiddenSize(4)
            .loss(Loss.classWeighted(Loss.softmaxCrossEntropy(), 1, 2, 0.5f, 0, 3, 1))
            .build());
    specs.add(
        SequenceModelSpec.builder(InputSpec.tiedEmbedding(6, 3), 6)
            .hiddenSize(4)
            .dense(3, Activation.TANH)
            .build());
    return UsableBackends.names()
        .flatMap(device -> specs.stream().map(spec -> Arguments.of(device, spec)));
  }

  /** Lengths 3, T, 0, 1; one missing target; random content. */
  private static Window window(SequenceModelSpec spec) {
    SplittableRandom random = new SplittableRandom(11);
    int[] lengths = {3, T, 0, 1};
    int rows = spec.readout() == Readout.EVERY_STEP ? T * B : B;
    int[] tokens = random.ints(T * B, 0, Math.max(1, spec.input().vocabularySize())).toArray();
    float[] vectors = uniform(random, T * B * spec.input().width());
    int[] classes = random.ints(rows, 0, spec.outputSize()).toArray();
    classes[0] = -1;
    if (spec.input().kind().hasTable()) {
      return new TokenWindow(T, B, tokens, classes, lengths, true);
    }
    return new SeriesWindow(
        T,
        B,
        spec.input().kind() == InputKind.DENSE
            ? new Values.Reals(vectors)
            : new Values.Tokens(tokens),
        new Values.Reals(uniform(random, rows * spec.outputSize())),
        lengths,
        true);
  }

  private static float[] uniform(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble();
    }
    return values;
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("models")
  void lossAndGradientMatchFiniteDifferencesInDouble(String device, SequenceModelSpec spec) {
    for (Window window : weighted(window(spec), spec)) {
      lossAndGradientMatch(device, spec, window);
    }
  }

  /** As it is, and some of the models with weights of each target or of each sequence. */
  private static List<Window> weighted(Window window, SequenceModelSpec spec) {
    if (spec.input().kind() == InputKind.DENSE) {
      return List.of(window.weighted(0.5f, 1f, 7f, 2f));
    }
    boolean tried =
        spec.stack().cell() == CellType.LSTM || spec.stack().cell() == CellType.GRU_RESET_BEFORE;
    if (!tried) {
      return List.of(window);
    }
    int rows = spec.readout() == Readout.EVERY_STEP ? T * B : B;
    float[] weights = uniform(new SplittableRandom(12), rows);
    weights[rows - B + 1] = 0f;
    weights[rows - B + 2] = Float.NaN; // of a sequence without a step
    return List.of(window, window.weighted(weights));
  }

  private static void lossAndGradientMatch(String device, SequenceModelSpec spec, Window window) {
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, spec, 5)) {
      perturb(model);
      float[] parameters = model.parameters().readFloats();
      BatchLoss evaluated = model.loss(window, null);
      ReferenceModel inference = new ReferenceModel(spec, parameters, window, false, 0, 0);
      assertEquals(inference.meanLoss(), evaluated.mean(), 2e-6 * (1 + evaluated.mean()));

      BatchLoss trained;
      try (Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 0)) {
        trained = trainer.backpropagate(window, 21, 34);
      }
      ReferenceModel reference = new ReferenceModel(spec, parameters, window, true, 21, 34);
      double loss = reference.meanLoss();
      assertEquals(loss, trained.mean(), 2e-6 * (1 + loss));
      float[] gradients = model.weights().gradients().readFloats();
      for (TensorRegion region : model.layout().regions()) {
        checkGradient(reference, gradients, region);
      }
    }
  }

  /** So that no bias or peephole is zero. */
  private static void perturb(SequenceModel model) {
    SplittableRandom random = new SplittableRandom(3);
    float[] parameters = model.parameters().readFloats();
    for (TensorRegion region : model.layout().regions()) {
      for (int i = 0; i < region.elements(); i++) {
        parameters[(int) region.offset() + i] += (float) (random.nextDouble() - 0.5) * 0.2f;
      }
    }
    model.parameters().write(parameters);
  }

  /** Within 1e-5 of the tensor's largest element: float32 sums of some tens of terms. */
  private static void checkGradient(
      ReferenceModel reference, float[] gradients, TensorRegion region) {
    int offset = (int) region.offset();
    double[] expected = new double[(int) region.elements()];
    double largest = 0;
    for (int i = 0; i < expected.length; i++) {
      expected[i] = reference.finiteDifference(offset + i);
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    double tolerance = 1e-5 * Math.max(largest, 1e-2);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], gradients[offset + i], tolerance, region.name() + "[" + i + "]");
    }
  }
}
