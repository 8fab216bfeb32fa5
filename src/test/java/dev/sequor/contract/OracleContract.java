package dev.sequor.contract;

import dev.sequor.contract.OracleCases.Case;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A backend agrees with libraries that share nothing with it, and that a bundle has no room for.
 */
@Tag("oracle")
abstract class OracleContract extends BackendContract {
  protected OracleContract(String provider) {
    super(provider);
  }

  static List<Case> cellsOfPyTorch() {
    return OracleCases.of(LibTorch.cells());
  }

  static List<Case> cellsOfOnnx() {
    return OracleCases.of(OnnxRuntime.cells());
  }

  static List<Case> randomOptionsOfOnnx() {
    int count = Integer.getInteger("sequor.test.oracleCases", 60);
    return OracleCases.randomOptionsOfOnnx(OnnxRuntime.cells(), count, 500);
  }

  static List<Case> projectionsOfPyTorch() {
    return OracleCases.projections();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"cellsOfPyTorch", "projectionsOfPyTorch"})
  void outputsAndAllGradientsAgreeWithLibTorch(Case c) {
    Solver.Solution torch = new LibTorch().solve(c.problem());
    BackendRun.Results actual = BackendRun.run(backend, c.problem());
    Closeness bars = Closeness.FLOAT32.in(c);
    bars.check("y", torch.y(), actual.y);
    bars.check("finalState", torch.finalState(), actual.finalState);
    bars.check("dx", torch.dx(), actual.dx);
    bars.check("dInitialState", torch.dInitialState(), actual.dInitialState);
    bars.checkParameters(c.problem().shape, torch.dParameters(), actual.dParameters);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"cellsOfOnnx", "randomOptionsOfOnnx"})
  void outputsAgreeWithOnnxRuntime(Case c) {
    Solver.Solution onnx = new OnnxRuntime().solve(c.problem());
    BackendRun.Results actual = BackendRun.run(backend, c.problem().inference());
    Closeness bars = Closeness.FLOAT32.in(c);
    bars.check("y", onnx.y(), actual.y);
    bars.check("finalState", onnx.finalState(), actual.finalState);
  }
}
