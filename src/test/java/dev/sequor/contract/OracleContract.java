package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.contract.OracleCases.Case;
import java.util.Arrays;
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
    return OracleCases.of(Arrays.stream(CellType.values()).filter(OnnxRuntime::knows).toList());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cellsOfPyTorch")
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
  @MethodSource("cellsOfOnnx")
  void outputsAgreeWithOnnxRuntime(Case c) {
    Solver.Solution onnx = new OnnxRuntime().solve(c.problem());
    BackendRun.Results actual = BackendRun.run(backend, c.problem().inference());
    Closeness bars = Closeness.FLOAT32.in(c);
    bars.check("y", onnx.y(), actual.y);
    bars.check("finalState", onnx.finalState(), actual.finalState);
  }
}
