package dev.sequor.diagnose;

import static dev.sequor.diagnose.LivelyModels.model;
import static dev.sequor.diagnose.LivelyModels.random;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Dropout;
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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DiagnosisTest {
  private static final int T = 4;
  private static final int B = 2;
  private static final int I = 3;
  private static final int N = 4;

  static Stream<RnnSpec> stacks() {
    List<RnnSpec> stacks = new ArrayList<>();
    for (CellType cell : CellType.values()) {
      stacks.add(RnnSpec.of(cell, I, 4));
      stacks.add(RnnSpec.of(cell, I, 4).withLayers(2).withDirection(Direction.BIDIRECTIONAL));
    }
    RnnSpec lstm = RnnSpec.of(CellType.LSTM, I, 5).withLayers(3);
    stacks.add(lstm.withOptions(CellOptions.builder().projectionSize(2).build()));
    stacks.add(lstm.withOptions(CellOptions.builder().layerNorm(true).build()));
    stacks.add(lstm.withOptions(CellOptions.builder().coupledGates(true).gateClip(1).build()));
    stacks.add(RnnSpec.of(CellType.GRU_RESET_AFTER, I, 4).withDirection(Direction.REVERSE));
    return stacks.stream();
  }

  private static Window window() {
    int[] targets = new int[T * B];
    for (int i = 0; i < targets.length; i++) {
      targets[i] = i % N;
    }
    return new SeriesWindow(
        T, B, new Values.Reals(random(T * B * I, 1)), new Values.Tokens(targets), null, true);
  }

  /** An unrolled network with the model's weights, and its loss at the last step. */
  private static final class Oracle implements AutoCloseable {
    final Network network;
    final NetworkWeights weights;
    final NetworkPass pass;
    final Backend backend;
    final Window window = window();

    Oracle(SequenceModel model, RnnSpec stack) {
      backend = model.backend();
      network = Unrolled.network(stack, T, N);
      Map<String, float[]> tensors = new HashMap<>();
      model.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor.values()));
      weights = NetworkWeights.of(backend, network, Unrolled.tensors(network, stack, tensors));
      Set<String> probes = new HashSet<>();
      network.inputs().stream()
          .map(Network.Input::name)
          .filter(name -> name.startsWith("p."))
          .forEach(probes::add);
      Extent extent = network.complete(new Extent(B, Map.of()));
      pass = new NetworkPass(weights, extent, Mode.TRAINING, WeightStorage.FLOAT32, probes);
      float[] x = ((Values.Reals) window.inputValues()).values();
      for (int t = 0; t < T; t++) {
        pass.put("x." + t, Arrays.copyOfRange(x, t * B * I, (t + 1) * B * I));
      }
      for (String probe : probes) {
        pass.put(probe, new float[B * stack.hiddenSize()]);
      }
    }

    double loss() {
      int[] targets =
          Arrays.copyOfRange(((Values.Tokens) window.targetValues()).ids(), (T - 1) * B, T * B);
      pass.upload();
      pass.forward();
      var buffer = pass.allocate(DType.INT32, B);
      buffer.write(targets);
      var scale = pass.allocate(DType.FLOAT32, 1);
      scale.write(1f / B);
      var result = pass.allocate(DType.FLOAT32, 2);
      backend.loss(
          new LossShape(new Loss.SoftmaxCrossEntropy(), 1, B, N),
          pass.value("logits"),
          buffer,
          null,
          scale,
          null,
          pass.gradient("logits"),
          result);
      return result.readFloats()[0] / B;
    }

    @Override
    public void close() {
      pass.close();
      weights.close();
    }
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  @ParameterizedTest
  @MethodSource("stacks")
  void normsAreThoseOfTheUnrolledNetwork(RnnSpec stack) {
    for (String device : List.of("java", "cpu")) {
      if (Devices.survey().stream()
          .noneMatch(s -> s.name().equals(device) && s.availability().usable())) {
        continue;
      }
      try (Backend backend = Devices.open(device);
          SequenceModel model = model(backend, Unrolled.whole(stack, N));
          Oracle oracle = new Oracle(model, stack)) {
        Diagnosis found = Diagnosis.of(model, window(), Diagnosis.Of.LAST_STEP);
        assertEquals(oracle.loss(), found.loss(), 1e-5);
        oracle.pass.backward();
        int number = 0;
        for (int layer = 0; layer < stack.layers(); layer++) {
          for (int d = 0; d < stack.directions(); d++) {
            Diagnosis.Layer one = found.layers().get(number++);
            assertEquals(layer, one.name().layer());
            assertEquals(stack.direction().isReverse(d), one.name().backward());
            assertEquals(T, one.gradientNorms().size());
            for (int t = 0; t < T; t++) {
              String probe = Unrolled.probe(layer, d, t);
              float[] gradient =
                  oracle.pass.hasGradient(probe)
                      ? oracle.pass.gradient(probe).readFloats()
                      : new float[B * stack.hiddenSize()];
              // The columns of h behind a projection are nobody's.
              double norm = norm(used(gradient, stack));
              assertEquals(norm, one.gradientNorms().get(t), 1e-6 + 1e-5 * norm);
            }
          }
        }
        assertEquals(found.layers().size(), number);
      }
    }
  }

  private static float[] used(float[] gradient, RnnSpec stack) {
    float[] used = gradient.clone();
    for (int i = 0; i < used.length; i++) {
      used[i] = i % stack.hiddenSize() < stack.stateSize() ? used[i] : 0;
    }
    return used;
  }

  /** Each cell, and all that stacks can be: a difference for each element takes its time. */
  static Stream<RnnSpec> fewerStacks() {
    return stacks().filter(stack -> stack.layers() == 1 || stack.cell() == CellType.LSTM);
  }

  @ParameterizedTest
  @MethodSource("fewerStacks")
  void normsAreThoseOfFiniteDifferences(RnnSpec stack) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, Unrolled.whole(stack, N));
        Oracle oracle = new Oracle(model, stack)) {
      Diagnosis found = Diagnosis.of(model, window(), Diagnosis.Of.LAST_STEP);
      int hidden = stack.hiddenSize();
      for (Diagnosis.Layer layer : found.layers()) {
        int direction = layer.name().backward() && stack.directions() == 2 ? 1 : 0;
        int t = layer.name().layer() % 2;
        String probe = Unrolled.probe(layer.name().layer(), direction, t);
        double sum = 0;
        for (int i = 0; i < B * hidden; i++) {
          if (i % hidden >= stack.stateSize()) {
            continue;
          }
          float[] moved = new float[B * hidden];
          moved[i] = 1e-2f;
          oracle.pass.put(probe, moved);
          double above = oracle.loss();
          moved[i] = -1e-2f;
          oracle.pass.put(probe, moved);
          double difference = (above - oracle.loss()) / 2e-2;
          sum += difference * difference;
        }
        oracle.pass.put(probe, new float[B * hidden]);
        double norm = Math.sqrt(sum);
        assertEquals(norm, layer.gradientNorms().get(t), 3e-4 + 0.02 * norm, probe);
      }
    }
  }

  @Test
  void aStateThatIsHandedOnHandsItsGradientBack() {
    RnnSpec stack = RnnSpec.of(CellType.LSTM, I, 4).withLayers(2);
    int half = T / 2;
    Network both =
        Network.builder()
            .vectors("x", I)
            .vectors("z", I)
            .add("rnn", new Recurrent(stack), "x")
            .add("more", new Recurrent(stack), "z", "rnn.final_state")
            .sharing("rnn")
            .add("dropped", new Dropout(0.5f), "more")
            .add("logits", new Linear(4, N), "dropped")
            .build();
    try (Backend backend = Devices.open("java");
        SequenceModel whole = model(backend, Unrolled.whole(stack, N));
        SequenceModel parts =
            SequenceModel.of(
                backend,
                new NetworkModelSpec(both, new Loss.SoftmaxCrossEntropy()),
                whole.tensors(),
                WeightStorage.FLOAT32)) {
      Diagnosis expected = Diagnosis.of(whole, window(), Diagnosis.Of.LAST_STEP);
      float[] x = ((Values.Reals) window().inputValues()).values();
      int[] targets = ((Values.Tokens) window().targetValues()).ids();
      int cut = half * B;
      Window window =
          new ParallelWindow(
              B,
              List.of(
                  new Window.Part("x", half, new Values.Reals(Arrays.copyOf(x, cut * I)), null),
                  new Window.Part(
                      "z", half, new Values.Reals(Arrays.copyOfRange(x, cut * I, x.length)), null)),
              new Values.Tokens(Arrays.copyOfRange(targets, cut, targets.length)),
              true);
      Diagnosis found = Diagnosis.of(parts, window, Diagnosis.Of.LAST_STEP);
      assertEquals(expected.loss(), found.loss(), 1e-6);
      assertEquals(4, found.layers().size());
      for (int layer = 0; layer < 2; layer++) {
        for (int t = 0; t < T; t++) {
          Diagnosis.Layer part = found.layers().get((t < half ? 0 : 2) + layer);
          assertEquals(
              expected.layers().get(layer).gradientNorms().get(t),
              part.gradientNorms().get(t % half),
              1e-6);
        }
      }
    }
  }

  @Test
  void allStepsCountOrTheLastOnly() {
    RnnSpec stack = RnnSpec.of(CellType.RNN_TANH, I, 4);
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, Unrolled.whole(stack, N))) {
      Diagnosis last = Diagnosis.of(model, window(), Diagnosis.Of.LAST_STEP);
      Diagnosis all = Diagnosis.of(model, window(), Diagnosis.Of.ALL_STEPS);
      assertEquals(model.loss(window(), null).mean(), all.loss(), 1e-6);
      assertTrue(last.loss() != all.loss());
      // At the last step the loss of all counts a T-th of it.
      assertEquals(
          last.layers().get(0).gradientNorms().get(T - 1),
          T * all.layers().get(0).gradientNorms().get(T - 1),
          1e-6);
    }
  }

  @Test
  void gatesAreWhatTheirEquationsSay() {
    // Without weights, every gate is the function of its bias.
    for (CellType cell : CellType.values()) {
      RnnSpec stack = RnnSpec.of(cell, I, 4);
      try (Backend backend = Devices.open("java");
          SequenceModel model = model(backend, Unrolled.whole(stack, N))) {
        List<NamedTensor> tensors = new ArrayList<>();
        for (NamedTensor tensor : model.tensors()) {
          float[] values = new float[tensor.values().length];
          if (tensor.name().endsWith("input_bias")) {
            for (int i = 0; i < values.length; i++) {
              values[i] = new float[] {3, -3, 0.5f, -2.9f}[i / 4];
            }
          }
          tensors.add(new NamedTensor(tensor.name(), tensor.shape(), values));
        }
        model.load(tensors);
        List<Diagnosis.Gate> gates =
            Diagnosis.of(model, window(), Diagnosis.Of.ALL_STEPS).layers().get(0).gates();
        assertEquals(cell.gates(), gates.size());
        for (int g = 0; g < gates.size(); g++) {
          double bias = new float[] {3, -3, 0.5f, -2.9f}[g];
          Diagnosis.Gate gate = gates.get(g);
          assertEquals(cell.gateNames().charAt(g), gate.name());
          boolean candidate = "gn".indexOf(gate.name()) >= 0;
          double value =
              switch (cell) {
                case RNN_LINEAR, RNN_RELU -> bias;
                case RNN_TANH -> Math.tanh(bias);
                default -> candidate ? Math.tanh(bias) : 1 / (1 + Math.exp(-bias));
              };
          assertEquals(value, gate.mean(), 1e-6);
          boolean bounded = cell != CellType.RNN_LINEAR && cell != CellType.RNN_RELU;
          assertEquals(bounded && value > 0.9 ? 1 : 0, gate.high());
          double low = candidate || cell == CellType.RNN_TANH ? -0.9 : 0.1;
          assertEquals(bounded && value < low ? 1 : 0, gate.low());
        }
      }
    }
  }

  /** What an RNN's only gate is, is its output; a GRU's and an LSTM's make the next state. */
  @Test
  void gatesMakeTheOutputsOfTheLayer() {
    RnnSpec stack = RnnSpec.of(CellType.RNN_TANH, I, 4);
    Network bare = Network.builder().vectors("x", I).add("rnn", new Recurrent(stack), "x").build();
    Window window = window();
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, bare)) {
      double sum = 0;
      float[] y = model.forward(window, null).readFloats();
      for (float value : y) {
        sum += value;
      }
      Diagnosis found = Diagnosis.of(model, window, Diagnosis.Of.ALL_STEPS);
      assertEquals(sum / y.length, found.layers().get(0).gates().get(0).mean(), 1e-6);
    }
  }

  @Test
  void whatCannotBeLookedAtIsRefused() {
    try (Backend backend = Devices.open("java")) {
      Network none = Network.builder().vectors("x", I).add("y", new Linear(I, N), "x").build();
      try (SequenceModel model = model(backend, none)) {
        refused(
            "the model has no recurrent stack; needed at least one to look at", model, window());
      }
      RnnSpec stack = RnnSpec.of(CellType.LSTM, I, 4);
      try (SequenceModel model = model(backend, Unrolled.whole(stack, N))) {
        SeriesWindow full = (SeriesWindow) window();
        Window padded =
            new SeriesWindow(T, B, full.inputValues(), full.targetValues(), new int[] {T, 2}, true);
        refused("sequence 1 has 2 of 4 steps; needed all", model, padded);
        int[] negative = new int[T * B];
        Arrays.fill(negative, -1);
        Window without =
            new SeriesWindow(T, B, full.inputValues(), new Values.Tokens(negative), null, true);
        refused("the window has no targets that count; needed some", model, without);
        Window reals =
            new SeriesWindow(
                T, B, full.inputValues(), new Values.Reals(new float[T * B]), null, true);
        refused("the window has 8 numbers as targets; needed 8 classes", model, reals);
      }
    }
  }

  private static void refused(String message, SequenceModel model, Window window) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> Diagnosis.of(model, window, Diagnosis.Of.LAST_STEP))
            .getMessage());
  }
}
