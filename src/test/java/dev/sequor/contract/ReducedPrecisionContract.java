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

/** What is asked of backends whose products multiply numbers with fewer bits than float32. */
final class ReducedPrecision {
  /** The bars of products whose operands have 10 bits of mantissa. */
  static final Closeness TEN_BITS = new Closeness("", 5e-3, 2e-3);

  /** The bars of products whose operands have 7 bits of mantissa. */
  static final Closeness SEVEN_BITS = new Closeness("", 4e-2, 1.5e-2);

  private ReducedPrecision() {}

  /**
   * A rounded sum on the other side of ReLU's kink has another slope, which no bar can allow for;
   * its gradients are checked on integers instead.
   */
  static boolean hasSteadySlope(CellType cell) {
    return cell != CellType.RNN_RELU;
  }

  /** Those of {@link RnnContract#integerCases} whose numbers stay below 256. */
  static Stream<ContractCase> integerCases() {
    return RnnContract.integerCases().filter(c -> c.T() <= 3);
  }

  /** Integers up to 256 are the same in every mode, so a wrong index cannot hide in rounding. */
  static void keepsSmallIntegers(Backend backend, ContractCase c) {
    RnnProblem problem = RnnContract.integers(c);
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
    ReferenceRnn.Gradients gradients = ReferenceRnn.gradients(problem);
    for (double[] operands : new double[][] {outputs.y, gradients.initialState}) {
      assertTrue(Arrays.stream(operands).allMatch(v -> Math.abs(v) <= 256), "too large for bf16");
    }
    BackendRun.Results actual = BackendRun.run(backend, problem);
    RnnContract.assertExactly("y", outputs.y, actual.y);
    RnnContract.assertExactly("dx", gradients.x, actual.dx);
    RnnContract.assertExactly("dInitialState", gradients.initialState, actual.dInitialState);
    RnnContract.assertExactly("dParameters", gradients.parameters, actual.dParameters);
  }

  /** The cell's whole grid of stacks, directions, lengths and awkward sizes. */
  static void staysWithin(Closeness bars, Backend backend, CellType cell) {
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

  /** Dropout between layers is that of every other mode. */
  static void dropsTheReferencesElements(Closeness bars, Backend backend, CellType cell) {
    RnnShape shape = new RnnShape(cell, 3, 2, 5, 4, 6, 7, 0.35f);
    RnnProblem problem = RnnProblem.random(shape, new int[] {5, 2, 4, 0}, 17);
    BackendRun.Results actual = BackendRun.run(backend, problem);
    bars.checkOutputs(ReferenceRnn.forward(problem), actual);
    if (hasSteadySlope(cell)) {
      bars.checkGradients(shape, ReferenceRnn.gradients(problem), actual);
    }
  }

  /** If a backend silently ran in another mode, the bars of float32 would be kept. */
  static void failsTheBarsOfFloat32(Backend backend, CellType cell) {
    RnnProblem problem = RnnProblem.random(new RnnShape(cell, 1, 1, 9, 8, 33, 31, 0f), null, 5);
    BackendRun.Results actual = BackendRun.run(backend, problem);
    assertThrows(
        AssertionError.class,
        () -> Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), actual));
  }
}
