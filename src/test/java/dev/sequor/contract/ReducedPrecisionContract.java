package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is owed by a backend whose products multiply numbers with fewer bits than float32. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ReducedPrecisionContract {
  /** The ways in which the backend does that: its modes, or sets of instructions. */
  abstract Stream<String> ways();

  abstract Backend open(String way);

  abstract Closeness bars(String way);

  Stream<Arguments> waysAndCells() {
    return ways()
        .flatMap(way -> Arrays.stream(CellType.values()).map(cell -> Arguments.of(way, cell)));
  }

  Stream<Arguments> waysAndIntegerCases() {
    return ways().flatMap(way -> integerCases().map(c -> Arguments.of(way, c)));
  }

  /**
   * A rounded sum on the other side of ReLU's kink has another slope, which no bar can allow for;
   * its gradients are checked on integers instead.
   */
  static boolean hasSteadySlope(CellType cell) {
    return cell != CellType.RNN_RELU;
  }

  /** Those of {@link RnnContract#integerCases} whose numbers stay below 256. */
  private static Stream<ContractCase> integerCases() {
    return RnnContract.integerCases().filter(c -> c.T() <= 3);
  }

  /** Integers up to 256 are the same in every mode, so a wrong index cannot hide in rounding. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("waysAndIntegerCases")
  void smallIntegersComeOutExactly(String way, ContractCase c) {
    RnnProblem problem = RnnContract.integers(c);
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
    ReferenceRnn.Gradients gradients = ReferenceRnn.gradients(problem);
    for (double[] operands : new double[][] {outputs.y, gradients.initialState}) {
      assertTrue(Arrays.stream(operands).allMatch(v -> Math.abs(v) <= 256), "too large for bf16");
    }
    try (Backend backend = open(way)) {
      BackendRun.Results actual = BackendRun.run(backend, problem);
      RnnContract.assertExactly("y", outputs.y, actual.y);
      RnnContract.assertExactly("dx", gradients.x, actual.dx);
      RnnContract.assertExactly("dInitialState", gradients.initialState, actual.dInitialState);
      RnnContract.assertExactly("dParameters", gradients.parameters, actual.dParameters);
    }
  }

  /** The cell's whole grid of stacks, directions, lengths and awkward sizes. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("waysAndCells")
  void everyCellStaysWithinTheBars(String way, CellType cell) {
    Closeness bars = bars(way);
    try (Backend backend = open(way)) {
      for (ContractCase c : ContractCase.all()) {
        boolean small = c.T() * c.B() * c.I() * c.H() < 100_000;
        // The bars are relative to a tensor's largest element, and ReLU may zero most of a handful.
        boolean telling = hasSteadySlope(cell) || c.B() * c.H() >= 64;
        if (c.cell() == cell && small && telling) {
          RnnProblem problem = c.problem();
          ContractCase.Expected expected = c.expected(problem);
          BackendRun.Results training = BackendRun.run(backend, problem);
          Closeness here = bars.in(backend.name() + " " + c);
          here.checkOutputs(expected.outputs(), training);
          if (hasSteadySlope(cell)) {
            here.checkGradients(problem.shape, expected.gradients(), training);
          }
          here.checkOutputs(expected.outputs(), BackendRun.run(backend, problem.inference()));
        }
      }
    }
  }

  /** Dropout between layers is that of every other mode. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("waysAndCells")
  void dropoutDropsTheReferencesElements(String way, CellType cell) {
    Closeness bars = bars(way);
    try (Backend backend = open(way)) {
      RnnShape shape = new RnnShape(cell, 3, 2, 5, 4, 6, 7, 0.35f);
      RnnProblem problem = RnnProblem.random(shape, new int[] {5, 2, 4, 0}, 17);
      BackendRun.Results actual = BackendRun.run(backend, problem);
      bars.checkOutputs(ReferenceRnn.forward(problem), actual);
      if (hasSteadySlope(cell)) {
        bars.checkGradients(shape, ReferenceRnn.gradients(problem), actual);
      }
    }
  }

  /** If a backend silently ran in another mode, the bars of float32 would be kept. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("waysAndCells")
  void theBarsOfFloat32AreFailed(String way, CellType cell) {
    try (Backend backend = open(way)) {
      RnnProblem problem = RnnProblem.random(new RnnShape(cell, 1, 1, 9, 8, 33, 31, 0f), null, 5);
      BackendRun.Results actual = BackendRun.run(backend, problem);
      assertThrows(
          AssertionError.class,
          () -> Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), actual));
    }
  }
}
