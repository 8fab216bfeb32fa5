package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendOperationsContract;
import dev.sequor.backend.CellType;
import dev.sequor.backend.CtcContract;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The {@code cuda} backend under every contract: on a GPU where there is one, else on the simulator
 * that the build puts on the library path. The first, where time may not suffice for all.
 */
@Tag("gpu")
@Order(1)
class CudaBackendTest {
  private static final String PROVIDER = "cuda";
  private static final String MATH = "sequor.cuda.math";

  /** Bars of products whose operands have 10 bits of mantissa, and of those with 7. */
  private static final Closeness TEN_BITS = new Closeness("", 5e-3, 2e-3);

  private static final Closeness SEVEN_BITS = new Closeness("", 4e-2, 1.5e-2);

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
      super(PROVIDER);
    }

    /** cuBLAS chooses in which parts and order the rows of a weight's gradient are added. */
    @Override
    Closeness ofParameters(Closeness bars, RnnShape shape) {
      return bars.afterSumsOf((long) shape.timeSteps() * shape.batchSize());
    }
  }

  @Nested
  class Options extends CellOptionsContract {
    Options() {
      super(PROVIDER);
    }
  }

  @Nested
  class Conformance extends ConformanceContract {
    Conformance() {
      super(PROVIDER);
    }
  }

  @Nested
  class Oracles extends OracleContract {
    Oracles() {
      super(PROVIDER);
    }
  }

  @Nested
  class Operations extends BackendOperationsContract {
    /** cuBLAS adds float32 in parts and an order of its own. */
    @Override
    protected boolean sumsAreOurs() {
      return false;
    }

    @BeforeAll
    static void requireUsable() {
      BackendContract.requireUsable(BackendContract.status(PROVIDER));
    }

    @Override
    protected Backend open() {
      return Devices.open(PROVIDER);
    }
  }

  @Nested
  class Ctc extends CtcContract {
    @BeforeAll
    static void requireUsable() {
      BackendContract.requireUsable(BackendContract.status(PROVIDER));
    }

    @Override
    protected Backend open() {
      return Devices.open(PROVIDER);
    }
  }

  private static Backend open(String mathMode) {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    System.setProperty(MATH, mathMode);
    try {
      return Devices.open(PROVIDER);
    } finally {
      System.clearProperty(MATH);
    }
  }

  private static Closeness bars(String mathMode) {
    return mathMode.equals("bf16") ? SEVEN_BITS : TEN_BITS;
  }

  static Stream<Arguments> reducedModesAndCells() {
    return Stream.of("tf32", "bf16", "fp16")
        .flatMap(mode -> Arrays.stream(CellType.values()).map(cell -> Arguments.of(mode, cell)));
  }

  /**
   * A rounded sum on the other side of ReLU's kink has another slope, which no bar can allow for;
   * its gradients are checked on integers instead.
   */
  private static boolean hasSteadySlope(CellType cell) {
    return cell != CellType.RNN_RELU;
  }

  static Stream<Arguments> reducedModesAndIntegerCases() {
    return Stream.of("tf32", "bf16", "fp16")
        .flatMap(
            mode ->
                RnnContract.integerCases().filter(c -> c.T() <= 3).map(c -> Arguments.of(mode, c)));
  }

  /** Integers up to 256 are the same in every mode, so a wrong index cannot hide in rounding. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndIntegerCases")
  void reducedPrecisionKeepsSmallIntegers(String mode, ContractCase c) {
    RnnProblem problem = RnnContract.integers(c);
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
    ReferenceRnn.Gradients gradients = ReferenceRnn.gradients(problem);
    for (double[] operands : new double[][] {outputs.y, gradients.initialState}) {
      assertTrue(Arrays.stream(operands).allMatch(v -> Math.abs(v) <= 256), "too large for bf16");
    }
    try (Backend backend = open(mode)) {
      BackendRun.Results actual = BackendRun.run(backend, problem);
      RnnContract.assertExactly("y", outputs.y, actual.y);
      RnnContract.assertExactly("dx", gradients.x, actual.dx);
      RnnContract.assertExactly("dInitialState", gradients.initialState, actual.dInitialState);
      RnnContract.assertExactly("dParameters", gradients.parameters, actual.dParameters);
    }
  }

  /** Every cell's whole grid of stacks, directions, lengths and awkward sizes. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionStaysWithinItsBars(String mode, CellType cell) {
    try (Backend backend = open(mode)) {
      assertTrue(backend.name().contains(mode), backend.name());
      for (ContractCase c : ContractCase.all()) {
        boolean small = c.T() * c.B() * c.I() * c.H() < 100_000;
        // The bars are relative to a tensor's largest element, and ReLU may zero most of a handful.
        boolean telling = hasSteadySlope(cell) || c.B() * c.H() >= 64;
        if (c.cell() == cell && small && telling) {
          RnnProblem problem = c.problem();
          ContractCase.Expected expected = c.expected(problem);
          BackendRun.Results training = BackendRun.run(backend, problem);
          Closeness bars = bars(mode).in(backend.name() + " " + c);
          bars.checkOutputs(expected.outputs(), training);
          if (hasSteadySlope(cell)) {
            bars.checkGradients(problem.shape, expected.gradients(), training);
          }
          bars.checkOutputs(expected.outputs(), BackendRun.run(backend, problem.inference()));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionDropsTheReferencesElements(String mode, CellType cell) {
    RnnShape shape = new RnnShape(cell, 3, 2, 5, 4, 6, 7, 0.35f);
    RnnProblem problem = RnnProblem.random(shape, new int[] {5, 2, 4, 0}, 17);
    try (Backend backend = open(mode)) {
      BackendRun.Results actual = BackendRun.run(backend, problem);
      bars(mode).checkOutputs(ReferenceRnn.forward(problem), actual);
      if (hasSteadySlope(cell)) {
        bars(mode).checkGradients(shape, ReferenceRnn.gradients(problem), actual);
      }
    }
  }

  /** If FP32 silently ran on rounded operands, its own bars would show it. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionFailsTheBarsOfFp32(String mode, CellType cell) {
    RnnProblem problem = RnnProblem.random(new RnnShape(cell, 1, 1, 9, 8, 33, 31, 0f), null, 5);
    try (Backend backend = open(mode)) {
      BackendRun.Results actual = BackendRun.run(backend, problem);
      assertThrows(
          AssertionError.class,
          () -> Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), actual));
    }
  }

  @Test
  void anUnknownMathModeIsRefused() {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> open("fp8").close());
    String text = String.valueOf(refused.getMessage()).toLowerCase(Locale.ROOT);
    assertTrue(text.contains("'fp8'") && text.contains("fp32, tf32, bf16, fp16"), text);
  }
}
