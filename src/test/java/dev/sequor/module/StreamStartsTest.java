package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.rnn.TensorRegion;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Streams that start from a state of weights alone, and go on from the one that is carried. */
class StreamStartsTest {
  private static final int B = 3;
  private static final int T = 4;
  private static final RnnSpec STACK =
      RnnSpec.of(CellType.LSTM, 2, 3).withLayers(2).withDropout(0.25f);
  private static final ValueShape.State STATE = new ValueShape.State(2, 2, 3);

  static List<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name)
        .toList();
  }

  /** A stack that starts from {@code start}, and the output of all its steps. */
  private static Network network(boolean learned) {
    Network.Builder network = Network.builder().vectors("x", 2);
    if (learned) {
      network.add("start", InitialState.of(STACK));
      network.add("bridge", new StateBridge(STATE, 1, STATE, Activation.TANH, true), "start");
    } else {
      network.input("bridge", STATE);
    }
    return network
        .add("stack", new Recurrent(STACK), "x", "bridge")
        .add("y", new Linear(3, 2), "stack")
        .build();
  }

  private static double[] numbers(long seed, int count) {
    return new SplittableRandom(seed).doubles(count, -1, 1).map(x -> (float) x).toArray();
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /** The reference of one window: from the learned state, or from a state that is given. */
  private static ReferenceNetwork reference(int window, int[] lengths, double[] carried) {
    ReferenceNetwork reference =
        new ReferenceNetwork(network(carried.length == 0), Extent.of("x", T, B));
    double[] all = numbers(7, (int) network(true).layout().totalElements());
    if (carried.length == 0) {
      System.arraycopy(all, 0, reference.parameters, 0, all.length);
    } else {
      reference.reals.put("bridge", carried);
      for (TensorRegion to : network(false).layout().regions()) {
        TensorRegion from = network(true).layout().region(to.name());
        System.arraycopy(
            all,
            (int) from.offset(),
            reference.parameters,
            (int) to.offset(),
            (int) from.elements());
      }
    }
    reference.reals.put("x", numbers(window, T * B * 2));
    reference.lengths.put("x", lengths);
    reference.seed = 5;
    reference.offset = window;
    reference.factors.put("y", numbers(50 + window, T * B * 2));
    reference.objective();
    return reference;
  }

  private static void assertClose(String what, double[] expected, float[] actual, double bar) {
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], bar, what + "[" + i + "]");
    }
  }

  /**
   * Three windows start, go on, go on; then the streams start anew. The same calls each time, which
   * a device records once: whether they start or go on is memory.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void streamsStartFromTheStateOfWeightsAndGoOnFromTheOneCarried(String device) {
    int[][] lengths = {{T, T, T}, {T, 2, 0}, {1, T, 3}};
    Network network = network(true);
    assertTrue(network.canContinue());
    NetworkLayout layout = network.layout();
    try (Backend backend = Devices.open(device);
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, Extent.of("x", T, B), Mode.TRAINING);
        NetworkState state = new NetworkState(backend, network, B)) {
      weights.parameters().write(floats(numbers(7, (int) layout.totalElements())));
      pass.carry(state);
      Map<Integer, float[]> first = new HashMap<>();
      for (int round = 0; round < 3; round++) {
        double[] carried = new double[0];
        for (int window = 0; window < 3; window++) {
          ReferenceNetwork reference = reference(window, lengths[window], carried);
          Network ofReference = network(carried.length == 0);
          pass.put(
              "x",
              floats(Objects.requireNonNull(reference.reals.get("x"))),
              window == 0 ? null : lengths[window]);
          pass.randomNumbers(5, window);
          float[] dy = floats(Objects.requireNonNull(reference.factors.get("y")));
          Buffer slopes = pass.gradient("y");
          Buffer given = backend.allocate(slopes.type(), dy.length);
          given.write(dy);
          Buffer y = backend.allocate(slopes.type(), dy.length);
          backend.step(
              List.of("window", window == 0, round, window),
              pass.takeInputs(),
              () -> {
                weights.zeroGradients();
                pass.forward();
                backend.copy(pass.value("y"), y);
                backend.copy(given, slopes);
                pass.backward();
              });
          String where = device + " round " + round + " window " + window;
          assertClose(where + " y", reference.value("y"), y.readFloats(), 2e-5);
          float[] gradients = weights.gradients().readFloats();
          for (TensorRegion region : layout.regions()) {
            boolean ofStart =
                region.name().startsWith("start") || region.name().startsWith("bridge");
            float largest = 0;
            for (int i = 0; i < region.elements(); i++) {
              float actual = gradients[(int) region.offset() + i];
              largest = Math.max(largest, Math.abs(actual));
              if (ofStart && window > 0) {
                assertEquals(0f, actual, where + " d" + region.name());
              } else if (i < 6) {
                int at = (int) ofReference.layout().region(region.name()).offset() + i;
                double expected = reference.finiteDifference(reference.parameters, at);
                assertEquals(expected, actual, 2e-4, where + " d" + region.name() + "[" + i + "]");
              }
            }
            assertTrue(largest > 1e-4 || (ofStart && window > 0), where + " d" + region.name());
          }
          reference.objective();
          carried = reference.value("stack." + Recurrent.FINAL_STATE).clone();
          float[] now = Objects.requireNonNull(state.of("stack")).readFloats();
          assertClose(where + " state", carried, now, 2e-5);
          float[] before = first.putIfAbsent(window, now);
          assertArrayEquals(before == null ? now : before, now, where + " bits");
          given.close();
          y.close();
        }
        state.zero();
      }
    }
  }

  /** One recording serves windows that start and windows that go on. */
  @ParameterizedTest
  @MethodSource("devices")
  void aRecordedStepStartsStreamsOrGoesOnAsItsMemorySays(String device) {
    Network network = network(true);
    try (Backend backend = Devices.open(device);
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, Extent.of("x", T, B), Mode.TRAINING);
        NetworkState state = new NetworkState(backend, network, B)) {
      weights.parameters().write(floats(numbers(7, (int) network.layout().totalElements())));
      pass.carry(state);
      float[] start = {};
      float[] next = {};
      for (int call = 0; call < 10; call++) {
        boolean starts = call % 2 == 0;
        if (starts) {
          state.zero();
        }
        pass.put("x", floats(numbers(1, T * B * 2)));
        pass.randomNumbers(5, 0);
        backend.step(
            "one",
            pass.takeInputs(),
            () -> {
              weights.zeroGradients();
              pass.forward();
              backend.fill(pass.gradient("y"), 1f);
              pass.backward();
            });
        float[] carried = Objects.requireNonNull(state.of("stack")).readFloats();
        float[] slopes = weights.gradient("start.values");
        boolean any = false;
        for (float slope : slopes) {
          any |= slope != 0;
        }
        assertEquals(starts, any, device + " call " + call);
        if (call == 0) {
          start = carried;
        } else if (call == 1) {
          next = carried;
        }
        assertArrayEquals(starts ? start : next, carried, device + " call " + call);
      }
    }
  }

  @Test
  void onlyAStateOfWeightsAloneLetsStreamsGoOn() {
    assertEquals(Map.of("stack", STATE), network(true).carriedStates());
    assertFalse(network(false).canContinue());
    assertEquals(Map.of(), network(false).carriedStates());
    Network encoded =
        Network.builder()
            .vectors("x", 2)
            .add("encoder", new Recurrent(STACK), "x")
            .add("decoder", new Recurrent(STACK), "x", "encoder.final_state")
            .build();
    assertFalse(encoded.canContinue());
    assertEquals(List.of("encoder"), List.copyOf(encoded.carriedStates().keySet()));
    RnnSpec both = STACK.withBidirectional(true);
    Network whole =
        Network.builder()
            .vectors("x", 2)
            .add("start", InitialState.of(both))
            .add("stack", new Recurrent(both), "x", "start")
            .build();
    assertFalse(whole.canContinue());
  }

  private static Network.Builder stream() {
    return Network.builder()
        .vectors("x", 4)
        .add("gru", Recurrent.of(CellType.GRU_RESET_BEFORE, 4, 4), "x")
        .add("last", new LastStep(1), "gru");
  }

  /** What the network makes of so many steps from {@code from}; null starts anew. */
  private static float[] outputs(
      NetworkWeights weights, float[] x, int from, int steps, @Nullable NetworkState state) {
    Network network = weights.network();
    try (NetworkPass pass = new NetworkPass(weights, Extent.of("x", steps, B), Mode.INFERENCE)) {
      pass.put("x", Arrays.copyOfRange(x, from * B * 4, (from + steps) * B * 4));
      if (network.inputs().size() > 1) {
        pass.put("static", floats(numbers(3, B * 4)));
      }
      pass.carry(state);
      pass.upload();
      pass.forward();
      return pass.value(network.outputs().get(0)).readFloats();
    }
  }

  /**
   * Whether two windows with the state in between carried make what the whole makes: of outputs
   * along the stream at each step, of others at the end.
   */
  private static boolean windowsMakeTheWhole(Network network) {
    float[] x = floats(numbers(2, 2 * T * B * 4));
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkState state = new NetworkState(backend, network, B)) {
      weights.parameters().write(floats(numbers(9, (int) network.layout().totalElements())));
      float[] whole = outputs(weights, x, 0, 2 * T, null);
      float[] first = outputs(weights, x, 0, T, state);
      float[] second = outputs(weights, x, T, T, state);
      boolean along =
          Objects.requireNonNull(network.shapes().get(network.outputs().get(0)))
                  instanceof ValueShape.Sequence shape
              && shape.axis().equals("x");
      float[] parts = second;
      if (along) {
        parts = Arrays.copyOf(first, whole.length);
        System.arraycopy(second, 0, parts, first.length, second.length);
      }
      return Arrays.equals(whole, parts);
    }
  }

  @Test
  void whatMayContinueMakesOfWindowsWhatItMakesOfTheWhole() {
    Recurrent next = Recurrent.of(CellType.GRU_RESET_BEFORE, 4, 4);
    ValueShape fixed = new ValueShape.Vector("", 4);
    for (Network network :
        List.of(
            stream().add("y", Columns.of(4, 3, 0, 0), "gru").build(),
            stream().add("y", new Each(2, new Linear(2, 3)), "gru").build(),
            stream().add("y", new Affine(2, 1), "gru").build(),
            stream().add("y", new LearnedVector(3), "gru").build(),
            stream().add("y", new TimeStep(-2), "gru").build(),
            stream().output("last").build(),
            stream().add("y", new StateVectors(0), "gru.final_state").build(),
            stream()
                .input("static", fixed)
                .add("along", new RepeatAlong(), "static", "gru")
                .add("y", new Sum(), "along", "gru")
                .build())) {
      assertTrue(network.canContinue(), network::toString);
      assertTrue(windowsMakeTheWhole(network), network::toString);
    }
    for (Network network :
        List.of(
            stream().add("y", new Reverse(), "gru").build(),
            stream().add("y", new TimeStep(0), "gru").build(),
            stream().add("y", new RepeatAlong(), "last", "x").build(),
            stream()
                .add("end", new StateVectors(0), "gru.final_state")
                .add("y", new RepeatAlong(), "end", "x")
                .build(),
            stream()
                .add("end", new StateVectors(0), "gru.final_state")
                .add("start", new VectorsState(1, 1, 4), "end")
                .add("y", next, "x", "start")
                .build(),
            stream()
                .add("steps", new RepeatSteps("steps", 3), "last")
                .add("y", next, "steps")
                .build(),
            stream()
                .add("wide", new Linear(4, 8), "last")
                .add("steps", new ColumnsToSteps("steps", 2), "wide")
                .add("y", next, "steps")
                .build())) {
      assertFalse(network.canContinue(), network::toString);
      assertFalse(windowsMakeTheWhole(network), network::toString);
    }
    assertFalse(stream().add("y", new StepsToColumns(T), "gru").build().canContinue());
  }
}
