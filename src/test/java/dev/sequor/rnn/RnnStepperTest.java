package dev.sequor.rnn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.reference.SampleOptions;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class RnnStepperTest {
  /** Between two orders of summation, of the largest value of a tensor. */
  private static final float ROUNDING = 1e-5f;

  private static List<String> usableDevices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name)
        .toList();
  }

  static Stream<Arguments> everyDeviceAndCell() {
    return usableDevices().stream()
        .flatMap(device -> Stream.of(CellType.values()).map(cell -> Arguments.of(device, cell)));
  }

  private static float[] random(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  @ParameterizedTest(name = "{1} on {0}")
  @MethodSource("everyDeviceAndCell")
  void stepsEqualOnePassOverTheWholeSequence(String device, CellType cell) {
    int steps = 9;
    for (int batchSize : new int[] {1, 3, 17}) {
      for (int hiddenSize : new int[] {5, 48, 129}) {
        RnnSpec spec = RnnSpec.of(cell, 7, hiddenSize).withLayers(3);
        try (Backend backend = Devices.open(device)) {
          Rnn rnn = new Rnn(backend, spec);
          try (Parameters parameters = rnn.newParameters(4);
              RnnState state = rnn.newState(batchSize);
              Buffer x = backend.allocate(DType.FLOAT32, (long) steps * batchSize * 7);
              Buffer y = backend.allocate(DType.FLOAT32, (long) steps * batchSize * hiddenSize);
              RnnStepper stepper = rnn.newStepper(parameters.values(), batchSize)) {
            float[] sequence = random(1, steps * batchSize * 7);
            float[] start = random(2, (int) state.values().elements());
            x.write(sequence);
            state.values().write(start);
            stepper.state().values().write(start);
            try (RnnPlan whole = rnn.prepare(steps, batchSize, Mode.INFERENCE)) {
              whole.forward(
                  RnnTensors.of(parameters.values(), x, y)
                      .withInitialState(state.values())
                      .withFinalState(state.values()));
            }
            float[] outputs = new float[steps * batchSize * hiddenSize];
            for (int t = 0; t < steps; t++) {
              stepper.input().put(0, sequence, t * batchSize * 7, batchSize * 7);
              stepper.step();
              stepper.output().get(0, outputs, t * batchSize * hiddenSize, batchSize * hiddenSize);
            }
            String where = "B=" + batchSize + " H=" + hiddenSize;
            assertClose(where + " y", y.readFloats(), outputs);
            assertClose(
                where + " state",
                state.values().readFloats(),
                stepper.state().values().readFloats());
          }
        }
      }
    }
  }

  @ParameterizedTest(name = "{1} on {0}")
  @MethodSource("everyDeviceAndCell")
  void stepsOfACellWithOptionsEqualOnePassOverTheWholeSequence(String device, CellType cell) {
    int steps = 5;
    int batchSize = 3;
    RnnSpec spec =
        RnnSpec.of(cell, 7, 11).withLayers(2).withOptions(SampleOptions.everything(cell));
    int width = spec.outputSize();
    try (Backend backend = Devices.open(device)) {
      Rnn rnn = new Rnn(backend, spec);
      try (Parameters parameters = rnn.newParameters(4);
          RnnState state = rnn.newState(batchSize);
          Buffer x = backend.allocate(DType.FLOAT32, (long) steps * batchSize * 7);
          Buffer y = backend.allocate(DType.FLOAT32, (long) steps * batchSize * width);
          RnnStepper stepper = rnn.newStepper(parameters.values(), batchSize);
          RnnPlan whole = rnn.prepare(steps, batchSize, Mode.INFERENCE)) {
        float[] sequence = random(1, steps * batchSize * 7);
        x.write(sequence);
        whole.forward(
            RnnTensors.of(parameters.values(), x, y)
                .withInitialState(state.values())
                .withFinalState(state.values()));
        float[] outputs = new float[steps * batchSize * width];
        for (int t = 0; t < steps; t++) {
          stepper.input().put(0, sequence, t * batchSize * 7, batchSize * 7);
          stepper.step();
          stepper.output().get(0, outputs, t * batchSize * width, batchSize * width);
        }
        assertClose("y", y.readFloats(), outputs);
        assertClose("state", state.values().readFloats(), stepper.state().values().readFloats());
      }
    }
  }

  private static void assertClose(String name, float[] expected, float[] actual) {
    float largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertArrayEquals(expected, actual, ROUNDING * largest, name);
  }

  @ParameterizedTest(name = "{1} on {0}")
  @MethodSource("everyDeviceAndCell")
  void aSingleStepHonoursLengths(String device, CellType cell) {
    RnnSpec spec = RnnSpec.of(cell, 4, 6).withLayers(2);
    try (Backend backend = Devices.open(device)) {
      Rnn rnn = new Rnn(backend, spec);
      try (Parameters parameters = rnn.newParameters(4);
          RnnState all = rnn.newState(3);
          RnnState some = rnn.newState(3);
          Buffer x = backend.allocate(DType.FLOAT32, 12);
          Buffer y = backend.allocate(DType.FLOAT32, 18);
          Buffer lengths = backend.allocate(DType.INT32, 3)) {
        x.write(random(1, 12));
        float[] start = random(2, (int) all.values().elements());
        all.values().write(start);
        forward(rnn, parameters, x, all, y, null);
        float[] expected = y.readFloats();
        some.values().write(start);
        lengths.write(1, 0, 1);
        forward(rnn, parameters, x, some, y, lengths);
        float[] actual = y.readFloats();
        for (int i = 0; i < 18; i++) {
          assertEquals(i / 6 == 1 ? 0f : expected[i], actual[i], "y[" + i + "]");
        }
        float[] frozen = some.values().readFloats();
        float[] moved = all.values().readFloats();
        for (int i = 0; i < frozen.length; i++) {
          assertEquals(i / 6 % 3 == 1 ? start[i] : moved[i], frozen[i], "state[" + i + "]");
        }
        // Lengths are forgotten again.
        some.values().write(start);
        forward(rnn, parameters, x, some, y, null);
        assertArrayEquals(expected, y.readFloats());
      }
    }
  }

  private static void forward(
      Rnn rnn,
      Parameters parameters,
      Buffer x,
      RnnState state,
      Buffer y,
      @Nullable Buffer lengths) {
    try (RnnPlan pass = rnn.prepare(1, 3, Mode.INFERENCE)) {
      pass.forward(
          RnnTensors.of(parameters.values(), x, y)
              .withLengths(lengths)
              .withInitialState(state.values())
              .withFinalState(state.values()));
    }
  }

  @Test
  void aStepOnTheNativeEngineMakesNoJavaObject() {
    assumeTrue(usableDevices().contains("cpu"), "the native engine is not usable here");
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    RnnSpec spec = RnnSpec.of(CellType.LSTM, 8, 16).withLayers(2);
    try (Backend backend = Devices.open("cpu")) {
      Rnn rnn = new Rnn(backend, spec);
      try (Parameters parameters = rnn.newParameters(1);
          RnnStepper stepper = rnn.newStepper(parameters.values(), 2)) {
        FloatBuffer input = stepper.input();
        FloatBuffer output = stepper.output();
        long thread = Thread.currentThread().getId();
        float sum = run(stepper, input, output, 20_000);
        int steps = 10_000;
        long before = threads.getThreadAllocatedBytes(thread);
        sum += run(stepper, input, output, steps);
        long bytes = threads.getThreadAllocatedBytes(thread) - before;
        assertTrue(Float.isFinite(sum));
        // One object of the smallest size a step would be 160,000 bytes.
        assertTrue(bytes < steps, steps + " steps made objects of " + bytes + " bytes");
      }
    }
  }

  private static float run(RnnStepper stepper, FloatBuffer input, FloatBuffer output, int steps) {
    float sum = 0;
    for (int t = 0; t < steps; t++) {
      input.put(t % 16, 0.1f * (t % 7));
      stepper.step();
      sum += output.get(3);
    }
    return sum;
  }

  @Test
  void newWeightsCountFromTheNextStepOn() {
    for (String device : usableDevices()) {
      RnnSpec spec = RnnSpec.of(CellType.RNN_LINEAR, 1, 1);
      try (Backend backend = Devices.open(device)) {
        Rnn rnn = new Rnn(backend, spec);
        try (Parameters parameters = rnn.newParameters(1);
            RnnStepper stepper = rnn.newStepper(parameters.values(), 1)) {
          stepper.input().put(0, 3f);
          parameters.values().write(2f, 0f, 0f, 0f);
          stepper.step();
          assertEquals(6f, stepper.output().get(0));
          parameters.values().write(5f, 1f, 0f, 0f);
          stepper.step();
          assertEquals(21f, stepper.output().get(0));
          stepper.state().zero();
          stepper.step();
          assertEquals(15f, stepper.output().get(0));
        }
      }
    }
  }

  @Test
  void aStepOnTheDeviceReadsAndWritesItsMemory() {
    for (String device : usableDevices()) {
      try (Backend backend = Devices.open(device)) {
        Rnn rnn = new Rnn(backend, RnnSpec.of(CellType.RNN_LINEAR, 1, 1));
        try (Parameters parameters = rnn.newParameters(1);
            RnnStepper stepper = rnn.newStepper(parameters.values(), 1)) {
          parameters.values().write(2f, 1f, 0f, 0f);
          stepper.x().write(4f);
          stepper.stepOnDevice();
          stepper.stepOnDevice();
          assertArrayEquals(new float[] {16f}, stepper.y().readFloats());
        }
      }
    }
  }

  @Test
  void whatCannotStepIsRefused() {
    try (Backend backend = Devices.open("java")) {
      Rnn both =
          new Rnn(backend, RnnSpec.of(CellType.GRU_RESET_BEFORE, 2, 3).withBidirectional(true));
      try (Parameters parameters = both.newParameters(1)) {
        assertEquals(
            "the stack's direction is BIDIRECTIONAL, which starts at the end of each sequence;"
                + " stepping needs FORWARD",
            assertThrows(
                    IllegalArgumentException.class, () -> both.newStepper(parameters.values(), 1))
                .getMessage());
      }
    }
    try (Backend backend = Devices.open("java")) {
      Rnn rnn = new Rnn(backend, RnnSpec.of(CellType.GRU_RESET_BEFORE, 2, 3));
      try (Parameters parameters = rnn.newParameters(1);
          Buffer tiny = backend.allocate(DType.FLOAT32, 5)) {
        assertThrows(IllegalArgumentException.class, () -> rnn.newStepper(tiny, 1));
        assertThrows(IllegalArgumentException.class, () -> rnn.newStepper(parameters.values(), 0));
        RnnStepper stepper = rnn.newStepper(parameters.values(), 1);
        stepper.close();
        stepper.close();
        assertThrows(IllegalStateException.class, stepper::step);
      }
    }
  }
}
