package dev.sequor.diagnose;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ClippedGradientsTest {
  private static final int T = 6;
  private static final int B = 4;
  private static final int N = 5;

  /** A model, a window of it, and each of its sequences as a window. */
  private record Case(ModelSpec model, Window window, List<Window> sequences) {}

  private static int[] tokens(SplittableRandom random, int count) {
    return random.ints(count, 0, N).toArray();
  }

  /** Of time-major rows of {@code width} those of one sequence. */
  private static float[] column(float[] all, int b, int width) {
    float[] column = new float[all.length / B];
    for (int i = 0; i < column.length; i++) {
      column[i] = all[i / width * B * width + b * width + i % width];
    }
    return column;
  }

  private static int[] column(int[] all, int b) {
    int[] column = new int[all.length / B];
    for (int t = 0; t < column.length; t++) {
      column[t] = all[t * B + b];
    }
    return column;
  }

  private static List<Case> cases() {
    SplittableRandom random = new SplittableRandom(5);
    List<Case> cases = new ArrayList<>();
    int[] read = tokens(random, T * B);
    int[] next = tokens(random, T * B);
    next[3] = -1;
    List<Window> sequences = new ArrayList<>();
    for (int b = 0; b < B; b++) {
      sequences.add(new TokenWindow(T, 1, column(read, b), column(next, b), null, true));
    }
    cases.add(
        new Case(
            SequenceModelSpec.languageModel(N, 3).hiddenSize(4).layers(2).build(),
            new TokenWindow(T, B, read, next, null, true),
            sequences));

    float[] x = floats(random, T * B * 3);
    float[] y = floats(random, T * B * 2);
    RnnSpec both =
        RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 4).withDirection(Direction.BIDIRECTIONAL);
    Network values =
        Network.builder()
            .vectors("x", 3)
            .add("rnn", new Recurrent(both), "x")
            .add("y", new Linear(8, 2), "rnn")
            .build();
    sequences = new ArrayList<>();
    for (int b = 0; b < B; b++) {
      sequences.add(
          new SeriesWindow(
              T,
              1,
              new Values.Reals(column(x, b, 3)),
              new Values.Reals(column(y, b, 2)),
              null,
              true));
    }
    cases.add(
        new Case(
            new NetworkModelSpec(values, new Loss.MeanSquaredError()),
            new SeriesWindow(T, B, new Values.Reals(x), new Values.Reals(y), null, true),
            sequences));

    RnnSpec stack = RnnSpec.of(CellType.LSTM, 3, 4);
    Network pair =
        Network.builder()
            .vectors("source", 3)
            .tokens("target", N)
            .add("encoder", new Recurrent(stack), "source")
            .add("vectors", new Embedding(N, 3), "target")
            .add("decoder", new Recurrent(stack), "vectors", "encoder.final_state")
            .add("logits", new Linear(4, N), "decoder")
            .build();
    int[] target = tokens(random, 2 * B);
    int[] said = tokens(random, 2 * B);
    sequences = new ArrayList<>();
    for (int b = 0; b < B; b++) {
      sequences.add(
          new ParallelWindow(
              1,
              List.of(
                  new Window.Part("source", T, new Values.Reals(column(x, b, 3)), null),
                  new Window.Part("target", 2, new Values.Tokens(column(target, b)), null)),
              new Values.Tokens(column(said, b)),
              true));
    }
    cases.add(
        new Case(
            new NetworkModelSpec(pair, new Loss.SoftmaxCrossEntropy()),
            new ParallelWindow(
                B,
                List.of(
                    new Window.Part("source", T, new Values.Reals(x), null),
                    new Window.Part("target", 2, new Values.Tokens(target), null)),
                new Values.Tokens(said),
                true),
            sequences));
    return cases;
  }

  private static float[] floats(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  /** What a training step reports, and how far plain gradient descent moves the weights. */
  @Test
  void gradientsAreThoseOfTrainingSteps() {
    for (Case each : cases()) {
      try (Backend backend = Devices.open("java");
          SequenceModel looked = new SequenceModel(backend, each.model(), 9)) {
        ClippedGradients free = ClippedGradients.of(looked, each.window(), Clipping.none());
        assertEquals(B, free.gradients().size());
        assertEquals(0, free.scaled());
        assertEquals(0, free.clamped());
        List<float[]> gradients = new ArrayList<>();
        for (int b = 0; b < B; b++) {
          try (SequenceModel model = new SequenceModel(backend, each.model(), 9);
              Trainer trainer = new Trainer(model, Optimizer.sgd(1f), Clipping.none(), 1)) {
            float[] before = model.parameters().readFloats();
            TrainStep step = trainer.step(each.sequences().get(b));
            assertEquals(
                step.gradientNorm(), free.gradients().get(b).norm(), 1e-5 * step.gradientNorm());
            float[] moved = model.parameters().readFloats();
            for (int i = 0; i < moved.length; i++) {
              moved[i] = before[i] - moved[i];
            }
            gradients.add(moved);
          }
        }
        requireCounts(looked, each.window(), gradients);
      }
    }
  }

  /** Bounds between the numbers, so that rounding changes nothing. */
  private static void requireCounts(SequenceModel model, Window window, List<float[]> gradients) {
    double[] norms = gradients.stream().mapToDouble(ClippedGradientsTest::norm).sorted().toArray();
    float norm = (float) ((norms[1] + norms[2]) / 2);
    double[] sizes = new double[gradients.get(0).length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = Math.abs(gradients.get(0)[i]);
    }
    Arrays.sort(sizes);
    int above = 1;
    while (sizes[sizes.length - above] - sizes[sizes.length - above - 1] < 1e-4) {
      above++;
    }
    float value = (float) ((sizes[sizes.length - above] + sizes[sizes.length - above - 1]) / 2);
    ClippedGradients byNorm = ClippedGradients.of(model, window, Clipping.byGlobalNorm(norm));
    assertEquals(2, byNorm.scaled());
    ClippedGradients byValue = ClippedGradients.of(model, window, Clipping.byValue(value));
    assertEquals(above, byValue.gradients().get(0).clamped());
    assertEquals(0, byValue.scaled());
    // First the norm, then the values.
    double first = norm(gradients.get(0));
    ClippedGradients both =
        ClippedGradients.of(model, window, new Clipping((float) (first / 2), value / 2));
    assertEquals(above, both.gradients().get(0).clamped());
    assertEquals(sizes.length, both.elements());
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  /** Gates that are all open let the cell state grow by one a step, up to its bound. */
  @Test
  void cellStatesAtTheirBoundAreCounted() {
    for (float bound : new float[] {0, 1.5f, 2.5f, 50}) {
      RnnSpec stack =
          RnnSpec.of(CellType.LSTM, N, 3)
              .withOptions(CellOptions.builder().cellClip(bound).build());
      Network network =
          Network.builder()
              .vectors("x", N)
              .add("rnn", new Recurrent(stack), "x")
              .add("logits", new Linear(3, N), "rnn")
              .build();
      try (Backend backend = Devices.open("java");
          SequenceModel model =
              new SequenceModel(
                  backend, new NetworkModelSpec(network, new Loss.SoftmaxCrossEntropy()), 1)) {
        List<NamedTensor> tensors = new ArrayList<>();
        for (NamedTensor tensor : model.tensors()) {
          float[] values = new float[tensor.values().length];
          if (tensor.name().endsWith("input_bias")) {
            Arrays.fill(values, 30);
          }
          tensors.add(new NamedTensor(tensor.name(), tensor.shape(), values));
        }
        model.load(tensors);
        Window window =
            new SeriesWindow(
                T,
                B,
                new Values.Reals(new float[T * B * N]),
                new Values.Tokens(new int[T * B]),
                null,
                true);
        OptionalDouble clipped =
            Diagnosis.of(model, window, Diagnosis.Of.ALL_STEPS).layers().get(0).clippedCells();
        assertEquals(
            bound == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of(Math.max(0, T - Math.floor(bound)) / T),
            clipped);
      }
    }
  }

  @Test
  void whatCannotBeLookedAtIsRefused() {
    Case first = cases().get(0);
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, first.model(), 9)) {
      TokenWindow full = (TokenWindow) first.window();
      int[] lengths = {T, 2, T, T};
      Window padded = new TokenWindow(T, B, full.tokens(), full.targets(), lengths, true);
      assertEquals(
          "sequence 1 has 2 of 6 steps; needed all",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> ClippedGradients.of(model, padded, Clipping.none()))
              .getMessage());
    }
  }
}
