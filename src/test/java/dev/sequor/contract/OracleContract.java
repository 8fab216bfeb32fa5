package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import dev.sequor.contract.OracleCases.Case;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
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

  @ParameterizedTest
  @EnumSource(value = UpdateRule.class, mode = EnumSource.Mode.EXCLUDE, names = "LION")
  void updatesAgreeWithLibTorch(UpdateRule rule) {
    int n = 1001;
    for (double decay : new double[] {0, 0.1}) {
      double[] start = new SplittableRandom(1).doubles(n, -1, 1).toArray();
      List<double[]> gradients =
          LongStream.range(2, 7)
              .mapToObj(seed -> new SplittableRandom(seed).doubles(n, -1, 1).toArray())
              .toList();
      double[] expected = LibTorchTraining.updated(rule, decay, start, gradients);
      Buffer parameters = buffer(start);
      Buffer moments = buffer(new double[rule.moments() * n]);
      Buffer report = backend.allocate(DType.FLOAT32, UpdateReport.ELEMENTS);
      report.write(UpdateReport.initial(1f));
      Buffer numbers = backend.allocate(DType.FLOAT32, OptimizerStep.ELEMENTS);
      for (int t = 1; t <= gradients.size(); t++) {
        numbers.write(
            new OptimizerStep(rule, t, 0.01f, 0, 0, LibTorchTraining.constants(rule, decay))
                .values());
        backend.optimizerStep(
            rule, numbers, parameters, buffer(gradients.get(t - 1)), moments, report);
      }
      assertClose(expected, parameters, 5e-6);
    }
  }

  /** With weights of classes or, of sigmoids, of what is to be found; the mean by their sum. */
  @Test
  void weightedLossesAgreeWithLibTorch() {
    int rows = 7;
    int n = 5;
    SplittableRandom random = new SplittableRandom(3);
    double[] a = random.doubles((long) rows * n, -3, 3).toArray();
    int[] classes = {0, 3, -1, 4, 4, 1, 2};
    float[] byClass = {1f, 0.25f, 2f, 0f, 3f};
    float[] weights = new float[rows];
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      weights[i] = classes[i] < 0 ? 9f : byClass[classes[i]];
      sum += classes[i] < 0 ? 0 : weights[i];
    }
    Buffer targets = backend.allocate(DType.INT32, rows);
    targets.write(classes);
    check(
        LibTorchTraining.crossEntropy(a, classes, byClass),
        Loss.softmaxCrossEntropy(),
        a,
        targets,
        weights,
        sum);
    double[] t =
        random.doubles((long) rows * n).map(x -> x < 0.3 ? 1 : x < 0.6 ? 0 : (float) x).toArray();
    float[] ones = new float[rows];
    Arrays.fill(ones, 1f);
    check(
        LibTorchTraining.binaryCrossEntropy(a, t, n, 2.5),
        Loss.weightedBinaryCrossEntropy(2.5f),
        a,
        buffer(t),
        ones,
        rows * n);
  }

  /** The loss and its gradient, divided by {@code divisor}, are the loss and the rest of it. */
  private void check(
      double[] expected, Loss loss, double[] a, Buffer targets, float[] weights, double divisor) {
    LossShape shape = new LossShape(loss, weights.length, 1, a.length / weights.length);
    Buffer result = backend.allocate(DType.FLOAT32, 2);
    Buffer d = backend.allocate(DType.FLOAT32, a.length);
    Buffer scale = buffer(1 / divisor);
    Buffer ofRows = backend.allocate(DType.FLOAT32, weights.length);
    ofRows.write(weights);
    backend.loss(shape, buffer(a), targets, null, ofRows, scale, null, d, result);
    assertEquals(expected[0], result.readFloats()[0] / divisor, 2e-6);
    assertClose(Arrays.copyOfRange(expected, 1, expected.length), d, 1e-6);
  }

  private Buffer buffer(double... values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    Buffer buffer = backend.allocate(DType.FLOAT32, floats.length);
    buffer.write(floats);
    return buffer;
  }

  private static void assertClose(double[] expected, Buffer actual, double tolerance) {
    float[] values = actual.readFloats();
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], values[i], tolerance, "element " + i);
    }
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
