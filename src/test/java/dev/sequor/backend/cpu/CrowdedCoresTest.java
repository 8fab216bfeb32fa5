package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The engine may use fewer of its threads from one call to the next, when other programs keep the
 * cores busy; no bit of any result may depend on it.
 */
class CrowdedCoresTest {
  private static final int THREADS = 3;

  @BeforeAll
  static void load() {
    NativeBuild.assumePresent();
  }

  private static CpuEngine engine() {
    return new CpuEngine(NativeEngine.sequor_best_instruction_set(), THREADS, true);
  }

  private static Buffer random(Backend backend, long elements, long seed, double bound) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[(int) elements];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-bound, bound);
    }
    buffer.write(values);
    return buffer;
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void aStackGivesTheSameBitsOnAnyNumberOfThreads(CellType cell) {
    // Large enough for several threads; seven blocks of units do not divide evenly among them.
    RnnShape shape = new RnnShape(cell, 2, 1, 6, 20, 70, 110, 0f);
    int[][] plans = {{3, 3}, {1, 1}, {2, 3}, {3, 2}, {1, 3}, {3, 1}};
    List<float[]> expected = new ArrayList<>();
    CpuEngine engine = engine();
    try (Backend backend = new Backend(engine);
        RnnPlan plan = backend.plan(shape, Mode.TRAINING);
        Buffer parameters = random(backend, shape.parameterLayout().totalElements(), 1, 0.1);
        Buffer x = random(backend, shape.inputElements(), 2, 1);
        Buffer y = backend.allocate(DType.FLOAT32, shape.outputElements());
        Buffer saved = backend.allocate(DType.FLOAT32, plan.savedElements());
        Buffer dy = random(backend, shape.outputElements(), 3, 1);
        Buffer dx = backend.allocate(DType.FLOAT32, shape.inputElements());
        Buffer dParameters = backend.allocate(DType.FLOAT32, parameters.elements())) {
      RnnTensors tensors = RnnTensors.of(parameters, x, y).withSaved(saved);
      // Packed weights stay from round to round, as in a frozen layer.
      for (int[] threads : plans) {
        backend.fill(dParameters, 0f);
        NativeEngine.sequor_engine_fix_threads(engine.nativeEngine(), threads[0]);
        plan.forward(tensors);
        NativeEngine.sequor_engine_fix_threads(engine.nativeEngine(), threads[1]);
        plan.backward(tensors, RnnGradients.of(dParameters).withDy(dy).withDx(dx));
        List<float[]> results = List.of(y.readFloats(), dx.readFloats(), dParameters.readFloats());
        String where = threads[0] + " threads forward, " + threads[1] + " backward";
        if (expected.isEmpty()) {
          expected.addAll(results);
        }
        for (int i = 0; i < results.size(); i++) {
          assertArrayEquals(expected.get(i), results.get(i), where);
        }
      }
    }
  }

  static Stream<Loss> losses() {
    return Stream.of(
        Loss.softmaxCrossEntropy(), Loss.binaryCrossEntropy(), Loss.meanSquaredError());
  }

  @ParameterizedTest
  @MethodSource("losses")
  void aModelsOtherPartsGiveTheSameBitsOnAnyNumberOfThreads(Loss loss) {
    int rows = 700;
    int input = 90;
    int output = 110;
    LinearShape linear = new LinearShape(rows, input, output, Activation.TANH);
    LossShape shape = new LossShape(loss, rows, 1, output);
    int elements = rows * output;
    ColumnCopy whole = ColumnCopy.whole(rows, output, 0.7f, true);
    OptimizerStep step =
        new OptimizerStep(UpdateRule.ADAM, 1, 0.01f, 0.01f, 0f, List.of(0.9f, 0.999f, 1e-8f, 0f));
    List<float[]> expected = new ArrayList<>();
    for (int threads = THREADS; threads >= 1; threads--) {
      CpuEngine engine = engine();
      try (Backend backend = new Backend(engine);
          Buffer x = random(backend, (long) rows * input, 1, 1);
          Buffer weight = random(backend, (long) output * input, 2, 0.1);
          Buffer bias = random(backend, output, 3, 1);
          Buffer y = backend.allocate(DType.FLOAT32, (long) rows * output);
          Buffer targets =
              loss.function().takesClasses()
                  ? classes(backend, rows, output)
                  : random(backend, (long) rows * output, 4, 1);
          Buffer dy = backend.allocate(DType.FLOAT32, (long) rows * output);
          Buffer dx = backend.allocate(DType.FLOAT32, (long) rows * input);
          Buffer dWeight = backend.allocate(DType.FLOAT32, (long) output * input);
          Buffer dBias = backend.allocate(DType.FLOAT32, output);
          Buffer moments = backend.allocate(DType.FLOAT32, 2L * output * input);
          Buffer report = backend.allocate(DType.FLOAT32, UpdateReport.ELEMENTS);
          Buffer key = backend.allocate(DType.INT32, RandomKey.ELEMENTS);
          Buffer scale = backend.allocate(DType.FLOAT32, 1);
          Buffer numbers = backend.allocate(DType.FLOAT32, OptimizerStep.ELEMENTS);
          Buffer dropped = backend.allocate(DType.FLOAT32, elements);
          Buffer copied = random(backend, elements, 5, 1);
          Buffer result = backend.allocate(DType.FLOAT32, 2)) {
        NativeEngine.sequor_engine_fix_threads(engine.nativeEngine(), threads);
        report.write(UpdateReport.initial(1f));
        backend.linearForward(linear, x, weight, bias, y);
        scale.write(1f / rows);
        numbers.write(step.values());
        key.write(new RandomKey(5, 1, 2).words());
        backend.dropout(0, 0.3f, key, y, dropped);
        backend.activation(Activation.TANH, dropped, dropped);
        backend.copyColumns(whole, dropped, copied);
        backend.activationGradient(Activation.TANH, dropped, copied, copied);
        backend.loss(
            shape, y, targets, null, scale, report.slice(UpdateReport.LOSS_SCALE, 1), dy, result);
        backend.linearBackward(linear, x, weight, y, dy, dx, dWeight, dBias);
        backend.optimizerStep(step.rule(), numbers, weight, dWeight, moments, report);
        List<float[]> results = new ArrayList<>();
        for (Buffer buffer :
            List.of(y, result, dx, dWeight, dBias, report, weight, moments, dropped, copied)) {
          results.add(buffer.readFloats());
        }
        if (expected.isEmpty()) {
          expected.addAll(results);
        }
        for (int i = 0; i < results.size(); i++) {
          assertArrayEquals(expected.get(i), results.get(i), threads + " threads, result " + i);
        }
      }
    }
  }

  private static Buffer classes(Backend backend, int rows, int output) {
    Buffer buffer = backend.allocate(DType.INT32, rows);
    int[] classes = new int[rows];
    for (int i = 0; i < rows; i++) {
      classes[i] = i * 7 % output;
    }
    buffer.write(classes);
    return buffer;
  }
}
