package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.WeightStorage;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The {@code cpu} backend with products of bfloat16, on every instruction set. */
class CpuBfloat16Test extends ReducedPrecisionContract {

  @BeforeAll
  static void requireUsable() {
    BackendContract.requireUsable(BackendContract.status("cpu"));
  }

  private static BackendSettings.Builder bf16() {
    return BackendSettings.builder().mathMode("bf16");
  }

  /** Three threads do not divide the work evenly; they share even what one does faster. */
  @Override
  Backend open(String instructionSet) {
    System.setProperty("sequor.threads.always", "true");
    try {
      Backend opened =
          Devices.open("cpu", bf16().instructionSet(instructionSet).threads(3).build());
      assertTrue(opened.name().contains(", 3 threads, bf16"), opened.name());
      return opened;
    } catch (BackendUnavailableException e) { // an instruction set of another processor
      assumeTrue(false, e.getMessage());
      throw e;
    } finally {
      System.clearProperty("sequor.threads.always");
    }
  }

  @Override
  Stream<String> ways() {
    return Stream.of("AVX-512", "AVX2", "baseline");
  }

  @Override
  Closeness bars(String instructionSet) {
    return Closeness.SEVEN_BITS;
  }

  /** Sizes at which products have several panels, blocks of rows and parts of K. */
  @ParameterizedTest
  @EnumSource(
      value = CellType.class,
      names = {"RNN_TANH", "GRU_RESET_BEFORE", "GRU_RESET_AFTER", "LSTM_PEEPHOLE"})
  void wideLayersStayWithinTheBars(CellType cell) {
    ContractCase wide = new ContractCase(cell, 1, 1, ContractCase.Lengths.MIXED, 9, 33, 515, 301);
    try (Backend backend = open("AVX-512")) {
      RnnProblem problem = wide.problem();
      BackendRun.Results actual = BackendRun.run(backend, problem);
      Closeness bars = Closeness.SEVEN_BITS.in(backend.name() + " " + wide);
      bars.checkOutputs(wide.expected(problem).outputs(), actual);
      bars.checkGradients(problem.shape, wide.expected(problem).gradients(), actual);
    }
  }

  /** Both round to bfloat16, each in its own order of work. */
  @Tag("gpu")
  @ParameterizedTest
  @EnumSource(CellType.class)
  void theCudaBackendGivesTheSame(CellType cell) {
    BackendContract.requireUsable(BackendContract.status("cuda"));
    try (Backend cpu = Devices.open("cpu", bf16().build());
        Backend cuda = Devices.open("cuda", bf16().build())) {
      RnnShape shape = new RnnShape(cell, 2, 2, 17, 9, 33, 65, 0.3f);
      int[] lengths = {17, 3, 0, 9, 17, 1, 12, 5, 16};
      RnnProblem problem = RnnProblem.random(shape, lengths, 61);
      BackendRun.Results expected = BackendRun.run(cuda, problem);
      BackendRun.Results actual = BackendRun.run(cpu, problem);
      Closeness bars = Closeness.SEVEN_BITS.in(cpu.name() + " and " + cuda.name());
      bars.check("y", RnnContract.toDoubles(expected.y), actual.y);
      bars.check("finalState", RnnContract.toDoubles(expected.finalState), actual.finalState);
      if (hasSteadySlope(cell)) {
        bars.check("dx", RnnContract.toDoubles(expected.dx), actual.dx);
        double[] ofState = RnnContract.toDoubles(expected.dInitialState);
        bars.check("dInitialState", ofState, actual.dInitialState);
        double[] ofParameters = RnnContract.toDoubles(expected.dParameters);
        bars.checkParameters(shape, ofParameters, actual.dParameters);
      }
    }
  }

  @Test
  void nobodyGetsItUnasked() {
    try (Backend backend = Devices.open("cpu")) {
      assertFalse(backend.name().contains("bf16"), backend.name());
    }
  }

  /** {@code tf32} and {@code fp16} are modes of GPUs; float32 is no less exact than they are. */
  @ParameterizedTest
  @ValueSource(strings = {"tf32", "fp16", "fp32"})
  void modesOfGpusAreFloat32(String mode) {
    BackendSettings settings = BackendSettings.builder().mathMode(mode).threads(2).build();
    BackendSettings plain = BackendSettings.builder().threads(2).build();
    try (Backend backend = Devices.open("cpu", settings);
        Backend asEver = Devices.open("cpu", plain)) {
      assertEquals(asEver.name(), backend.name());
      RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 5, 4, 9, 33, 0f);
      RnnProblem problem = RnnProblem.random(shape, null, 3);
      float[] expected = BackendRun.run(asEver, problem).y;
      assertTrue(Arrays.equals(expected, BackendRun.run(backend, problem).y));
    }
  }

  @Test
  void theProcessMaySetIt() {
    System.setProperty("sequor.cpu.math", "BF16");
    try (Backend backend = Devices.open("cpu")) {
      assertTrue(backend.name().contains(", bf16"), backend.name());
    } finally {
      System.clearProperty("sequor.cpu.math");
    }
  }

  @Test
  void aModeThatItHasNotIsRefused() {
    System.setProperty("sequor.cpu.math", "fp16");
    try {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> Devices.open("cpu").close());
      assertEquals(
          "system property sequor.cpu.math is 'fp16'; needed one of fp32, bf16",
          refused.getMessage());
    } finally {
      System.clearProperty("sequor.cpu.math");
    }
  }

  @Test
  void weightsKeptAsInt8AreRefused() {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 5, 4, 9, 33, 0f);
    try (Backend backend = open("baseline")) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> backend.plan(shape, Mode.INFERENCE, WeightStorage.INT8).close());
      assertEquals(
          backend.name() + " cannot keep weights as int8; needed float32 here",
          refused.getMessage());
      backend.plan(shape, Mode.INFERENCE, WeightStorage.BFLOAT16).close();
    }
  }
}
