package dev.sequor.contract;

import dev.sequor.contract.OracleCases.Case;
import dev.sequor.reference.ReferenceRnn;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The reference itself agrees with PyTorch, in double precision. */
class ReferenceOracleTest {
  static List<Case> cellsOfPyTorch() {
    return OracleCases.of(LibTorch.cells());
  }

  static List<Case> projectionsOfPyTorch() {
    return OracleCases.projections();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"cellsOfPyTorch", "projectionsOfPyTorch"})
  void outputsAndAllGradientsAgreeWithLibTorch(Case c) {
    LibTorch torch = new LibTorch();
    Solver.Solution expected = torch.solve(c.problem());
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(c.problem());
    ReferenceRnn.Gradients gradients = ReferenceRnn.gradients(c.problem());
    check("y", expected.y(), outputs.y, torch.bar());
    check("finalState", expected.finalState(), outputs.finalState, torch.bar());
    check("dx", expected.dx(), gradients.x, torch.bar());
    check("dInitialState", expected.dInitialState(), gradients.initialState, torch.bar());
    check("dParameters", expected.dParameters(), gradients.parameters, torch.bar());
  }

  private static void check(String name, double[] expected, double[] actual, double bar) {
    new CaseTensor(new int[] {expected.length}, expected).check(name, actual, 0, bar);
  }
}
