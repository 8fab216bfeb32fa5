package dev.sequor.diagnose;

import static dev.sequor.diagnose.LivelyModels.model;
import static dev.sequor.diagnose.LivelyModels.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.Extent;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.Recurrent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ActivationsTest {
  private static final int T = 4;
  private static final int B = 2;
  private static final int I = 3;
  private static final int N = 4;

  static Stream<RnnSpec> stacks() {
    return DiagnosisTest.stacks();
  }

  private static Window window() {
    float[] x = random(T * B * I, 1);
    return new SeriesWindow(T, B, new Values.Reals(x), new Values.Reals(x), null, true);
  }

  @ParameterizedTest
  @MethodSource("stacks")
  void unitsAreThoseOfTheUnrolledNetwork(RnnSpec stack) {
    for (String device : List.of("java", "cpu")) {
      if (Devices.survey().stream()
          .noneMatch(s -> s.name().equals(device) && s.availability().usable())) {
        continue;
      }
      try (Backend backend = Devices.open(device);
          SequenceModel model = model(backend, Unrolled.whole(stack, N))) {
        Activations found = Activations.of(model, window());
        Map<String, float[]> unrolled = unrolled(model, stack);
        int number = 0;
        for (int layer = 0; layer < stack.layers(); layer++) {
          for (int d = 0; d < stack.directions(); d++) {
            Activations.Layer one = found.layers().get(number++);
            assertEquals(new LayerName("rnn", layer, stack.direction().isReverse(d)), one.name());
            assertEquals(stack.stateSize(), one.hiddenSize());
            assertEquals(stack.cell().states() == 2 ? stack.hiddenSize() : 0, one.cellSize());
            String at = layer + "." + d + ".";
            for (int unit = 0; unit < one.hiddenSize(); unit++) {
              requireSame("h." + at, unrolled, stack.hiddenSize(), unit, one::hidden);
            }
            for (int unit = 0; unit < one.cellSize(); unit++) {
              requireSame("c." + at, unrolled, stack.hiddenSize(), unit, one::cell);
            }
          }
        }
        assertEquals(number, found.layers().size());
      }
    }
  }

  private interface Series {
    double[] of(int sequence, int unit);
  }

  private static void requireSame(
      String begin, Map<String, float[]> expected, int hidden, int unit, Series series) {
    for (int b = 0; b < B; b++) {
      double[] found = series.of(b, unit);
      assertEquals(T, found.length);
      for (int t = 0; t < T; t++) {
        float[] step = Objects.requireNonNull(expected.get(begin + t));
        assertEquals(step[b * hidden + unit], found[t], 1e-5, begin + t);
      }
    }
  }

  /** The states of an unrolled network with the weights of a model. */
  private static Map<String, float[]> unrolled(SequenceModel model, RnnSpec stack) {
    Network network = Unrolled.network(stack, T, N);
    Map<String, float[]> tensors = new HashMap<>();
    model.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor.values()));
    Extent extent = network.complete(new Extent(B, Map.of()));
    try (NetworkWeights weights =
            NetworkWeights.of(model.backend(), network, Unrolled.tensors(network, stack, tensors));
        NetworkPass pass = new NetworkPass(weights, extent, Mode.INFERENCE)) {
      float[] x = ((Values.Reals) window().inputValues()).values();
      for (Network.Input input : network.inputs()) {
        String name = input.name();
        int t = Integer.parseInt(name.substring(name.lastIndexOf('.') + 1));
        pass.put(
            name,
            name.startsWith("x.")
                ? Arrays.copyOfRange(x, t * B * I, (t + 1) * B * I)
                : new float[B * stack.hiddenSize()]);
      }
      pass.upload();
      pass.forward();
      Map<String, float[]> states = new HashMap<>();
      for (Network.Node node : network.nodes()) {
        if (node.name().startsWith("h.") || node.name().startsWith("c.")) {
          states.put(node.name(), pass.value(node.name()).readFloats());
        }
      }
      return states;
    }
  }

  /** Zoneout takes its means in inference, and is not left out. */
  @Test
  void theTopLayerIsWhatTheModelGives() {
    RnnSpec stack =
        RnnSpec.of(CellType.LSTM, I, 4)
            .withLayers(2)
            .withDirection(Direction.BIDIRECTIONAL)
            .withDropout(0.4f)
            .withOptions(CellOptions.builder().zoneout(0.3f, 0.2f).inputDropout(0.3f).build());
    Network bare = Network.builder().vectors("x", I).add("rnn", new Recurrent(stack), "x").build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, bare)) {
      float[] y = model.forward(window(), null).readFloats();
      List<Activations.Layer> layers = Activations.of(model, window()).layers();
      for (int d = 0; d < 2; d++) {
        for (int unit = 0; unit < 4; unit++) {
          for (int b = 0; b < B; b++) {
            double[] found = layers.get(2 + d).hidden(b, unit);
            for (int t = 0; t < T; t++) {
              assertEquals(y[(t * B + b) * 8 + d * 4 + unit], found[t], 1e-6);
            }
          }
        }
      }
    }
  }

  @Test
  void stacksStartFromTheStatesThatTheyAreGiven() {
    RnnSpec stack = RnnSpec.of(CellType.LSTM, I, 4).withLayers(2);
    Network both =
        Network.builder()
            .vectors("x", I)
            .vectors("z", I)
            .add("rnn", new Recurrent(stack), "x")
            .add("more", new Recurrent(stack), "z", "rnn.final_state")
            .sharing("rnn")
            .add("logits", new Linear(4, N), "more")
            .build();
    try (Backend backend = Devices.open("java");
        SequenceModel whole = model(backend, Unrolled.whole(stack, N));
        SequenceModel parts =
            SequenceModel.of(
                backend,
                new NetworkModelSpec(both, new Loss.SoftmaxCrossEntropy()),
                whole.tensors(),
                WeightStorage.FLOAT32)) {
      float[] x = ((Values.Reals) window().inputValues()).values();
      int cut = T / 2 * B * I;
      Values first = new Values.Reals(Arrays.copyOf(x, cut));
      Values second = new Values.Reals(Arrays.copyOfRange(x, cut, x.length));
      Window window =
          new ParallelWindow(
              B,
              List.of(
                  new Window.Part("x", T / 2, first, null),
                  new Window.Part("z", T / 2, second, null)),
              first,
              true);
      List<Activations.Layer> expected = Activations.of(whole, window()).layers();
      List<Activations.Layer> found = Activations.of(parts, window).layers();
      assertEquals(4, found.size());
      for (int layer = 0; layer < 2; layer++) {
        double[] all = expected.get(layer).cell(1, 2);
        assertArrayEquals(Arrays.copyOf(all, T / 2), found.get(layer).cell(1, 2), 1e-6);
        assertArrayEquals(Arrays.copyOfRange(all, T / 2, T), found.get(2 + layer).cell(1, 2), 1e-6);
      }
    }
  }

  @Test
  void aLearnedStartIsWhereTextBegins() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(N, 3).hiddenSize(4).learnedInitialState(true).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 3)) {
      int[] tokens = {1, 3, 0, 2};
      Window window = new TokenWindow(T, 1, tokens, tokens, null, true);
      Activations zero = Activations.of(model, window);
      List<NamedTensor> started = new ArrayList<>();
      for (NamedTensor tensor : model.tensors()) {
        boolean isState = tensor.name().contains("state");
        float[] values = isState ? random(tensor.values().length, 5) : tensor.values();
        started.add(new NamedTensor(tensor.name(), tensor.shape(), values));
      }
      model.load(started);
      double[] found = Activations.of(model, window).layers().get(0).hidden(0, 1);
      assertThrows(
          AssertionError.class,
          () -> assertArrayEquals(zero.layers().get(0).hidden(0, 1), found, 1e-3));
    }
  }

  @Test
  void whatCannotBeLookedAtIsRefused() {
    try (Backend backend = Devices.open("java")) {
      Network none = Network.builder().vectors("x", I).add("y", new Linear(I, N), "x").build();
      try (SequenceModel model = model(backend, none)) {
        assertEquals(
            "the model has no recurrent stack; needed at least one to look at",
            refusal(model, window()));
      }
      try (SequenceModel model =
          model(backend, Unrolled.whole(RnnSpec.of(CellType.LSTM, I, 4), N))) {
        SeriesWindow full = (SeriesWindow) window();
        assertEquals(
            "sequence 1 has 2 of 4 steps; needed all",
            refusal(
                model,
                new SeriesWindow(
                    T, B, full.inputValues(), full.targetValues(), new int[] {T, 2}, true)));
        Activations.Layer layer = Activations.of(model, full).layers().get(0);
        assertThrows(IndexOutOfBoundsException.class, () -> layer.hidden(0, 4));
        assertThrows(IndexOutOfBoundsException.class, () -> layer.hidden(B, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> layer.cell(-1, 0));
      }
    }
  }

  private static String refusal(SequenceModel model, Window window) {
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> Activations.of(model, window))
            .getMessage());
  }
}
