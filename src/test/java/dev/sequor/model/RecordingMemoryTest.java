package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Training and inference on the {@code cuda} backend when there is no memory for recordings: the
 * same bits, one warning, nothing left behind.
 */
@Tag("gpu")
final class RecordingMemoryTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(11, 6)
          .cell(CellType.LSTM)
          .layers(2)
          .hiddenSize(20)
          .dropout(0.2f)
          .build();
  private static final int BATCH_SIZE = 3;
  private static final int STEPS = 8;
  private static final long NODE_BYTES = 10240;

  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  @BeforeEach
  void requireSimulator() {
    var cuda =
        Devices.survey().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    assumeTrue(cuda.availability().usable(), cuda.availability().reason());
    assumeTrue(SimulatorControl.isThere(), "a real device cannot be told to fail");
    // So that each failure reaches the driver, and has no kept memory for a second try.
    System.setProperty("sequor.cuda.cache", "off");
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void leaveNothing() {
    System.setErr(stderr);
    System.clearProperty("sequor.cuda.cache");
    try (Backend backend = Devices.open("cuda")) {
      SimulatorControl simulator = simulator(backend);
      simulator.set(Field.GRAPH_NODE_BYTES, NODE_BYTES);
      simulator.set(Field.FAIL_ALLOCATION, 0);
      assertEquals(0, simulator.get(Field.GRAPH_BYTES));
    }
  }

  private static SimulatorControl simulator(Backend backend) {
    backend.synchronize(); // makes the device current
    return SimulatorControl.ofCurrentDevice();
  }

  private long warnings() {
    String text = log.toString(StandardCharsets.UTF_8);
    return text.lines().filter(line -> line.contains("there is no memory to record")).count();
  }

  /** Windows that go on from one to the next, if that is asked for. */
  private static Window window(int number, int timeSteps, boolean goesOn) {
    SplittableRandom random = new SplittableRandom(number);
    int[] tokens = random.ints((long) timeSteps * BATCH_SIZE, 0, 11).toArray();
    int[] targets = random.ints((long) timeSteps * BATCH_SIZE, 0, 11).toArray();
    return new TokenWindow(timeSteps, BATCH_SIZE, tokens, targets, null, number == 0 || !goesOn);
  }

  /** What may be done to the simulator before each step. */
  @FunctionalInterface
  private interface Planting {
    void before(int step, SimulatorControl simulator);
  }

  private static float[] trained(SequenceModelSpec spec, int timeSteps, Planting planting) {
    try (Backend cuda = Devices.open("cuda")) {
      SimulatorControl simulator = simulator(cuda);
      float[] weights;
      try (SequenceModel first = new SequenceModel(cuda, spec, 3)) {
        first.forward(1, 1, new int[1], null, null); // takes what stays
      }
      cuda.synchronize();
      long empty = simulator.get(Field.LIVE_BYTES);
      try (SequenceModel model = new SequenceModel(cuda, spec, 3);
          Trainer trainer =
              new Trainer(model, Optimizer.adam(0.01f), Clipping.byGlobalNorm(1), 7)) {
        for (int step = 0; step < STEPS; step++) {
          planting.before(step, simulator);
          trainer.step(window(step, timeSteps, !spec.stack().bidirectional()));
        }
        weights = model.parameters().readFloats();
      }
      cuda.synchronize();
      assertEquals(empty, simulator.get(Field.LIVE_BYTES), "left behind");
      return weights;
    }
  }

  @Test
  void whicheverAllocationOfARecordingFailsTheWeightsAreTheSame() {
    float[] expected = trained(SPEC, 12, (step, simulator) -> {});
    assertEquals(0, warnings());
    int planted = 0;
    boolean[] met = {true};
    while (met[0]) {
      int which = ++planted;
      log.reset();
      float[] actual =
          trained(
              SPEC,
              12,
              (step, simulator) -> {
                if (step == 2) { // the first has no carried state; the second was queued
                  simulator.set(Field.FAIL_ALLOCATION, which);
                }
                met[0] = simulator.get(Field.FAIL_ALLOCATION) == 0;
                if (step == STEPS - 1) {
                  simulator.set(Field.FAIL_ALLOCATION, 0);
                }
              });
      assertArrayEquals(expected, actual, "failure " + which);
      assertEquals(met[0] ? 1 : 0, warnings(), log::toString);
    }
    // Page-locked inputs, capture and graph, of each of two recordings.
    assertEquals(6, planted - 1, "allocations of a step's recordings");
  }

  @Test
  void trainingWithoutAnyMemoryForRecordings() {
    float[] expected = trained(SPEC, 12, (step, simulator) -> {});
    long[] launches = new long[2];
    float[] actual =
        trained(
            SPEC,
            12,
            (step, simulator) -> {
              simulator.set(Field.GRAPH_NODE_BYTES, 1L << 40);
              launches[step == 0 ? 0 : 1] = simulator.get(Field.GRAPH_LAUNCHES);
            });
    assertArrayEquals(expected, actual);
    assertEquals(launches[0], launches[1], "nothing was recorded");
    assertEquals(1, warnings(), log::toString);
  }

  /** A step with stretches in it, too: each of its graphs may find no memory. */
  @Test
  void whicheverAllocationOfARecordingInStretchesFailsTheWeightsAreTheSame() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(11, 3).layers(4).hiddenSize(4).bidirectional(true).build();
    int timeSteps = 300; // 2,400 steps in all
    float[] expected = trained(spec, timeSteps, (step, simulator) -> {});
    for (int which : new int[] {1, 2, 3, 4, 11, 30, 40}) {
      log.reset();
      float[] actual =
          trained(
              spec,
              timeSteps,
              (step, simulator) -> {
                if (step == 1) {
                  simulator.set(Field.FAIL_ALLOCATION, which);
                }
                if (step == 3) {
                  assertEquals(0, simulator.get(Field.FAIL_ALLOCATION), "not met");
                }
              });
      assertArrayEquals(expected, actual, "failure " + which);
      assertEquals(1, warnings(), log::toString);
    }
  }

  @Test
  void inferenceWithoutMemoryForRecordings() {
    float[][] outputs = new float[2][];
    for (int lacking = 0; lacking < 2; lacking++) {
      try (Backend cuda = Devices.open("cuda");
          SequenceModel model = new SequenceModel(cuda, SPEC, 3)) {
        SimulatorControl simulator = simulator(cuda);
        long launches = simulator.get(Field.GRAPH_LAUNCHES);
        simulator.set(Field.GRAPH_NODE_BYTES, lacking == 1 ? 1L << 40 : NODE_BYTES);
        int[] tokens = new SplittableRandom(1).ints(21, 0, 11).toArray();
        for (int call = 0; call < 4; call++) {
          float[] actual = model.forward(7, 3, tokens, null, null).readFloats();
          outputs[lacking] = outputs[lacking] == null ? actual : outputs[lacking];
          assertArrayEquals(outputs[lacking], actual);
        }
        boolean replayed = simulator.get(Field.GRAPH_LAUNCHES) > launches;
        assertEquals(lacking == 0, replayed);
      }
    }
    assertArrayEquals(outputs[0], outputs[1]);
    assertEquals(1, warnings(), log::toString);
  }

  @Test
  void whicheverAllocationOfARecordingOfInferenceFails() {
    int[] tokens = new SplittableRandom(1).ints(21, 0, 11).toArray();
    for (int which = 1; which <= 2; which++) { // ending the capture, making the graph
      log.reset();
      try (Backend cuda = Devices.open("cuda");
          SequenceModel model = new SequenceModel(cuda, SPEC, 3)) {
        float[] expected = model.forward(7, 3, tokens, null, null).readFloats();
        SimulatorControl simulator = simulator(cuda);
        simulator.set(Field.FAIL_ALLOCATION, which);
        for (int call = 1; call < 4; call++) {
          assertArrayEquals(expected, model.forward(7, 3, tokens, null, null).readFloats());
        }
        assertEquals(0, simulator.get(Field.FAIL_ALLOCATION), "not met");
        assertEquals(0, simulator.get(Field.GRAPH_BYTES));
        assertEquals(1, warnings(), log::toString);
      }
    }
  }

  /** One has recordings, the other finds no memory for any; both are right. */
  @Test
  void twoBackendsShareADevice() {
    float[] expected = trained(SPEC, 12, (step, simulator) -> {});
    try (Backend first = Devices.open("cuda");
        SequenceModel model = new SequenceModel(first, SPEC, 3);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.byGlobalNorm(1), 7)) {
      SimulatorControl simulator = simulator(first);
      for (int step = 0; step < 4; step++) {
        trainer.step(window(step, 12, true));
      }
      long held = simulator.get(Field.GRAPH_BYTES);
      assertTrue(held > 0);
      float[] other =
          trained(
              SPEC,
              12,
              (step, s) -> s.set(Field.GRAPH_NODE_BYTES, 1L << 40)); // all that is left, and more
      assertArrayEquals(expected, other);
      first.synchronize();
      assertEquals(held, simulator.get(Field.GRAPH_BYTES), "what the other has is its own");
      for (int step = 4; step < STEPS; step++) {
        trainer.step(window(step, 12, true));
      }
      assertArrayEquals(expected, model.parameters().readFloats());
      assertEquals(1, warnings(), log::toString);
    }
  }

  /** Shapes that take turns, more than there is room for, are dropped and recorded anew. */
  @Test
  void manyShapesStayWithinTheShare() {
    float[] expected = null;
    long share = 24L << 20;
    for (boolean bounded : new boolean[] {false, true}) {
      System.setProperty("sequor.cuda.memory", bounded ? "96m" : "2g");
      try (Backend cuda = Devices.open("cuda");
          SequenceModel model = new SequenceModel(cuda, SPEC, 3);
          Trainer trainer =
              new Trainer(model, Optimizer.adam(0.01f), Clipping.byGlobalNorm(1), 7)) {
        SimulatorControl simulator = simulator(cuda);
        long launches = simulator.get(Field.GRAPH_LAUNCHES);
        long most = 0;
        for (int step = 0; step < 48; step++) {
          trainer.step(window(step, 20 + 15 * (step / 4 % 4), true));
          most = Math.max(most, simulator.get(Field.GRAPH_BYTES));
        }
        assertTrue(simulator.get(Field.GRAPH_LAUNCHES) - launches > 12, "too few are replayed");
        assertEquals(bounded, most <= share, most + " bytes");
        float[] actual = model.parameters().readFloats();
        expected = expected == null ? actual : expected;
        assertArrayEquals(expected, actual);
      } finally {
        System.clearProperty("sequor.cuda.memory");
      }
    }
    assertEquals(0, warnings(), log::toString);
  }
}
