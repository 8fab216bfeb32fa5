package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Inference with smaller weights: the double reference, given the rounded weights, is the bar. */
class WeightStorageTest {
  @BeforeAll
  static void requireUsable() {
    BackendContract.requireUsable(BackendContract.status("cpu"));
  }

  private static Backend open(String instructionSet) {
    System.setProperty("sequor.cpu.isa", instructionSet);
    System.setProperty("sequor.threads.always", "true");
    try {
      return Devices.open("cpu");
    } catch (BackendException e) { // an instruction set of another processor
      assumeTrue(false, e.getMessage());
      throw e;
    } finally {
      System.clearProperty("sequor.cpu.isa");
      System.clearProperty("sequor.threads.always");
    }
  }

  /** The float whose lower 16 bits are zero that is nearest; of two, the one with an even last. */
  private static double bfloat16(float weight) {
    float below = Float.intBitsToFloat(Float.floatToRawIntBits(weight) & 0xFFFF0000);
    float above = Float.intBitsToFloat(Float.floatToRawIntBits(below) + 0x10000);
    double toBelow = Math.abs((double) weight - below);
    double toAbove = Math.abs((double) above - weight);
    boolean belowIsEven = (Float.floatToRawIntBits(below) >> 16 & 1) == 0;
    return toBelow < toAbove || (toBelow == toAbove && belowIsEven) ? below : above;
  }

  private static void roundRow(double[] parameters, int from, int count, WeightStorage weights) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs((float) parameters[i]));
    }
    float scale = largest / 127f;
    for (int i = from; i < from + count; i++) {
      float weight = (float) parameters[i];
      parameters[i] =
          weights == WeightStorage.BFLOAT16
              ? bfloat16(weight)
              : Math.rint(weight / scale) * (double) scale;
    }
  }

  /** The problem that the engine in effect solves. */
  private static RnnProblem rounded(RnnProblem p, WeightStorage weights) {
    double[] parameters = p.parameters.clone();
    ParameterLayout layout = p.shape.parameterLayout();
    for (int layer = 0; layer < p.shape.layers(); layer++) {
      for (int direction = 0; direction < p.shape.directions(); direction++) {
        for (Kind kind : new Kind[] {Kind.INPUT_WEIGHTS, Kind.RECURRENT_WEIGHTS}) {
          int columns = layout.columns(kind, layer);
          for (int row = 0; row < layout.rows(kind); row++) {
            int at = (int) layout.offset(kind, layer, direction) + row * columns;
            roundRow(parameters, at, columns, weights);
          }
        }
      }
    }
    return new RnnProblem(
        p.shape,
        parameters,
        p.x,
        p.lengths,
        p.initialState,
        p.dy,
        p.dFinalState,
        p.dropoutSeed,
        p.dropoutOffset,
        false);
  }

  @ParameterizedTest(name = "{0}, {1}")
  @CsvSource({
    "AVX-512,BFLOAT16",
    "AVX-512,INT8",
    "AVX2,BFLOAT16",
    "AVX2,INT8",
    "baseline,BFLOAT16",
    "baseline,INT8"
  })
  void outputsMatchTheReferenceWithRoundedWeights(String instructionSet, WeightStorage weights) {
    try (Backend backend = open(instructionSet)) {
      assertTrue(backend.name().contains(instructionSet), backend.name());
      for (ContractCase c : ContractCase.all()) {
        if (c.T() * c.B() * c.I() * c.H() < 100_000) {
          RnnProblem problem = c.problem();
          BackendRun.Results actual = BackendRun.infer(backend, problem, weights);
          ReferenceRnn.Outputs expected = ReferenceRnn.forward(rounded(problem, weights));
          Closeness.FLOAT32
              .in(backend.name() + " " + weights + " " + c)
              .checkOutputs(expected, actual);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BFLOAT16", "INT8"})
  void aWideLayerMatchesTheReferenceStepByStep(WeightStorage weights) {
    try (Backend backend = open(bestInstructionSet())) {
      for (CellType cell : new CellType[] {CellType.LSTM, CellType.GRU_RESET_BEFORE}) {
        for (int batchSize : new int[] {1, 2, 5, 8}) {
          RnnShape shape = new RnnShape(cell, 2, 1, 1, batchSize, 301, 515, 0f);
          RnnProblem problem = RnnProblem.random(shape, null, 7);
          BackendRun.Results actual = BackendRun.infer(backend, problem, weights);
          ReferenceRnn.Outputs expected = ReferenceRnn.forward(rounded(problem, weights));
          Closeness.FLOAT32.in(weights + " B=" + batchSize).checkOutputs(expected, actual);
        }
      }
    }
  }

  private static String bestInstructionSet() {
    try (Backend backend = Devices.open("cpu")) {
      String name = backend.name();
      return name.substring(name.indexOf('(') + 1, name.indexOf(','));
    }
  }

  /** {@code W·1} of a linear cell with one unit a weight: what each weight was kept as. */
  private static float[] kept(Backend backend, WeightStorage weights, float... given) {
    int n = given.length;
    RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 1, 1, 1, 1, 1, n, 0f);
    float[] flat = new float[(int) shape.parameterLayout().totalElements()];
    System.arraycopy(given, 0, flat, 0, n);
    return forward(backend, weights, shape, flat, 1f);
  }

  private static float[] forward(
      Backend backend, WeightStorage weights, RnnShape shape, float[] parameters, float... input) {
    try (Buffer flat = backend.allocate(DType.FLOAT32, parameters.length);
        Buffer x = backend.allocate(DType.FLOAT32, input.length);
        Buffer y = backend.allocate(DType.FLOAT32, shape.outputElements());
        RnnPlan plan = backend.plan(shape, Mode.INFERENCE, weights)) {
      flat.write(parameters);
      x.write(input);
      plan.forward(RnnTensors.of(flat, x, y));
      return y.readFloats();
    }
  }

  @ParameterizedTest
  @CsvSource({"AVX-512", "AVX2", "baseline"})
  void bfloat16RoundsToNearestEvenAndKeepsWhatIsNotFinite(String instructionSet) {
    try (Backend backend = open(instructionSet)) {
      float[] kept =
          kept(
              backend,
              WeightStorage.BFLOAT16,
              1f + 0x1p-8f,
              1f + 3 * 0x1p-8f,
              1f + 0x1p-8f + 0x1p-20f,
              -1f - 0x1p-8f,
              0x1.FEp127f,
              -Float.MAX_VALUE,
              Float.POSITIVE_INFINITY,
              Float.intBitsToFloat(0x7F800001),
              0x1p-130f,
              -0x1p-149f,
              0f);
      assertEquals(1f, kept[0], "a tie goes to the even neighbour below");
      assertEquals(1f + 0x1p-6f, kept[1], "a tie goes to the even neighbour above");
      assertEquals(1f + 0x1p-7f, kept[2]);
      assertEquals(-1f, kept[3]);
      assertEquals(0x1.FEp127f, kept[4], "the largest bfloat16");
      assertEquals(Float.NEGATIVE_INFINITY, kept[5], "rounds up past the largest");
      assertEquals(Float.POSITIVE_INFINITY, kept[6]);
      assertTrue(Float.isNaN(kept[7]), "a NaN whose upper half looks like infinity");
      assertEquals(0x1p-130f, kept[8]);
      assertEquals(0f, kept[9]);
      assertEquals(0f, kept[10]);
    }
  }

  @ParameterizedTest
  @CsvSource({"AVX-512", "AVX2", "baseline"})
  void int8SpansEachRowAndSaysNanOfRowsThatAreNotFinite(String instructionSet) {
    try (Backend backend = open(instructionSet)) {
      // Rows of 5, not a multiple of the 4 that share a register: the first sees x_0 and so on.
      float[][] rows = {
        {127f, 0.5f, 1.5f, -2.5f, 126.6f},
        {-254f, 1f, 3f, 5f, -253f},
        {0f, 0f, 0f, 0f, 0f},
        {1f, Float.NaN, 1f, 1f, 1f},
        {1f, 1f, 1f, 1f, Float.NEGATIVE_INFINITY},
        {0x1p-140f, 0f, 0f, 0f, 0f},
        {0x1p127f, -0x1p127f, 0f, 0f, 0f},
        {-127f, 127f, -127f, 127f, -127f},
      };
      double[][] expected = {
        {127, 0, 2, -2, 127},
        {-254, 0, 4, 4, -252},
        {0, 0, 0, 0, 0},
        {Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN},
        {Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN},
        {0, 0, 0, 0, 0},
        {0x1p127, -0x1p127, 0, 0, 0},
        {-127, 127, -127, 127, -127},
      };
      RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 1, 1, 1, 1, 5, rows.length, 0f);
      float[] flat = new float[(int) shape.parameterLayout().totalElements()];
      for (int row = 0; row < rows.length; row++) {
        System.arraycopy(rows[row], 0, flat, row * 5, 5);
      }
      for (int column = 0; column < 5; column++) {
        float[] unit = new float[5];
        unit[column] = 1f;
        float[] y = forward(backend, WeightStorage.INT8, shape, flat, unit);
        for (int row = 0; row < rows.length; row++) {
          double wanted = expected[row][column];
          String where = "row " + row + " column " + column + ": " + y[row];
          assertTrue(
              Double.isNaN(wanted)
                  ? Float.isNaN(y[row])
                  : Math.abs(y[row] - wanted) <= 1e-6 * Math.abs(wanted) + 1e-37,
              where);
        }
      }
    }
  }

  @Test
  void trainingKeepsItsWeights() {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 4, 2, 3, 5, 0f);
    try (Backend backend = Devices.open("cpu")) {
      for (WeightStorage weights : WeightStorage.values()) {
        if (weights == WeightStorage.FLOAT32) {
          backend.plan(shape, Mode.TRAINING, weights).close();
        } else {
          assertEquals(
              "training with weights kept as " + weights.id() + "; needed float32",
              assertThrows(
                      IllegalArgumentException.class,
                      () -> backend.plan(shape, Mode.TRAINING, weights))
                  .getMessage());
        }
      }
    }
  }

  @Test
  void aBackendWithoutSmallerWeightsRefusesThem() {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 1, 1, 3, 5, 0f);
    try (Backend backend = Devices.open("java")) {
      backend.plan(shape, Mode.INFERENCE, WeightStorage.FLOAT32).close();
      assertEquals(
          backend.name() + " cannot keep weights as int8; needed float32 here",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> backend.plan(shape, Mode.INFERENCE, WeightStorage.INT8))
              .getMessage());
    }
    assertTrue(Arrays.stream(WeightStorage.values()).allMatch(w -> w.id().matches("[a-z0-9]+")));
  }
}
