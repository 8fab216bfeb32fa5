package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every backend must do besides recurrent layers, against plain formulas in double precision.
 * A backend's test extends this and opens the backend.
 */
public abstract class BackendOperationsContract {
  private static final double TOLERANCE = 2e-6;

  private final List<Buffer> buffers = new ArrayList<>();
  private final Random random = new Random(42);
  private Backend backend;

  /** Opens the backend under test. */
  protected abstract Backend open();

  @BeforeEach
  void openBackend() {
    backend = open();
  }

  @AfterEach
  void closeBackend() {
    buffers.forEach(Buffer::close);
    backend.close();
  }

  private Buffer buffer(float... values) {
    Buffer buffer = backend.allocate(DType.FLOAT32, values.length);
    buffers.add(buffer);
    buffer.write(values);
    return buffer;
  }

  private Buffer tokens(int... values) {
    Buffer buffer = backend.allocate(DType.INT32, values.length);
    buffers.add(buffer);
    buffer.write(values);
    return buffer;
  }

  private Buffer random(int elements) {
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return buffer(values);
  }

  /** Holds NaN, so that what is not overwritten shows. */
  private Buffer poisoned(int elements) {
    float[] values = new float[elements];
    Arrays.fill(values, Float.NaN);
    return buffer(values);
  }

  private static void assertClose(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double largest = 1;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], TOLERANCE * largest, "element " + i);
    }
  }

  // Memory.

  @Test
  void newMemoryIsZero() {
    Buffer floats = backend.allocate(DType.FLOAT32, 100);
    buffers.add(floats);
    Buffer ints = backend.allocate(DType.INT32, 100);
    buffers.add(ints);
    assertArrayEquals(new float[100], floats.readFloats());
    assertArrayEquals(new int[100], ints.readInts());
  }

  @Test
  void uploadAndDownloadKeepEveryBit() {
    float[] values = {1f, -0f, Float.NaN, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, 3.25f};
    assertArrayEquals(values, buffer(values).readFloats());
    int[] numbers = {0, -1, Integer.MAX_VALUE, Integer.MIN_VALUE};
    assertArrayEquals(numbers, tokens(numbers).readInts());
  }

  @Test
  void aSliceSharesMemoryAndVersion() {
    Buffer whole = buffer(0, 1, 2, 3, 4, 5);
    Buffer middle = whole.slice(2, 3);
    assertArrayEquals(new float[] {2, 3, 4}, middle.readFloats());
    long before = whole.version();
    middle.slice(1, 1).write(9f);
    assertTrue(whole.version() > before);
    assertArrayEquals(new float[] {0, 1, 2, 9, 4, 5}, whole.readFloats());
    backend.fill(middle, 7f);
    assertArrayEquals(new float[] {0, 1, 7, 7, 7, 5}, whole.readFloats());
    backend.copy(whole.slice(0, 2), whole.slice(4, 2));
    assertArrayEquals(new float[] {0, 1, 7, 7, 0, 1}, whole.readFloats());
  }

  @Test
  void aShortHostBufferTransfersOnlyItsBytes() {
    Buffer target = buffer(1, 2, 3, 4);
    ByteBuffer host = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
    host.asFloatBuffer().put(new float[] {8, 9});
    backend.upload(host, target);
    assertArrayEquals(new float[] {8, 9, 3, 4}, target.readFloats());
    assertEquals(8, host.remaining());
    ByteBuffer back = ByteBuffer.allocateDirect(12).order(ByteOrder.nativeOrder());
    backend.download(target, back);
    assertEquals(3f, back.asFloatBuffer().get(2));
  }

  @Test
  void useAfterCloseThrows() {
    Buffer closed = buffer(1, 2);
    closed.close();
    assertThrows(IllegalStateException.class, () -> backend.fill(closed, 1f));
    assertThrows(IllegalStateException.class, closed::readFloats);
  }

  // Dense layers.

  @ParameterizedTest(name = "{0}x{1}x{2} {3}")
  @CsvSource({"1,1,1,NONE", "3,5,7,TANH", "33,31,1,RELU", "2,257,33,TANH", "65,3,130,RELU"})
  void linearMatchesDoubleFormula(int m, int k, int n, Activation activation) {
    Buffer x = random(m * k);
    Buffer weight = random(n * k);
    Buffer bias = random(n);
    Buffer y = poisoned(m * n);
    LinearShape shape = new LinearShape(m, k, n, activation);
    backend.linearForward(shape, x, weight, bias, y);
    float[] xs = x.readFloats();
    float[] ws = weight.readFloats();
    float[] bs = bias.readFloats();
    double[] expected = new double[m * n];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = bs[j];
        for (int l = 0; l < k; l++) {
          sum += (double) xs[i * k + l] * ws[j * k + l];
        }
        expected[i * n + j] = activate(activation, sum);
      }
    }
    assertClose(expected, y.readFloats());

    Buffer dy = random(m * n);
    float[] upstream = dy.readFloats();
    Buffer dx = poisoned(m * k);
    Buffer dWeight = random(n * k);
    Buffer dBias = random(n);
    double[] dw = toDouble(dWeight.readFloats());
    double[] db = toDouble(dBias.readFloats());
    double[] dxs = new double[m * k];
    float[] ys = y.readFloats();
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double da = upstream[i * n + j] * slope(activation, ys[i * n + j]);
        db[j] += da;
        for (int l = 0; l < k; l++) {
          dxs[i * k + l] += da * ws[j * k + l];
          dw[j * k + l] += da * xs[i * k + l];
        }
      }
    }
    backend.linearBackward(shape, x, weight, y, dy, dx, dWeight, dBias);
    assertClose(dxs, dx.readFloats());
    assertClose(dw, dWeight.readFloats());
    assertClose(db, dBias.readFloats());
  }

  private static double activate(Activation activation, double a) {
    return switch (activation) {
      case NONE -> a;
      case TANH -> Math.tanh(a);
      case RELU -> Math.max(0, a);
    };
  }

  private static double slope(Activation activation, double y) {
    return switch (activation) {
      case NONE -> 1;
      case TANH -> 1 - y * y;
      case RELU -> y > 0 ? 1 : 0;
    };
  }

  private static double[] toDouble(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  @Test
  void linearTouchesOnlyTheRowsItIsGiven() {
    Buffer x = buffer(1, 2, Float.NaN, Float.NaN);
    Buffer weight = buffer(3, 4);
    Buffer y = buffer(0, 77);
    LinearShape shape = new LinearShape(1, 2, 1, Activation.NONE);
    backend.linearForward(shape, x, weight, null, y);
    assertArrayEquals(new float[] {11, 77}, y.readFloats());
    Buffer dWeight = buffer(0, 0);
    backend.linearBackward(shape, x, weight, y, buffer(2, Float.NaN), null, dWeight, null);
    assertArrayEquals(new float[] {2, 4}, dWeight.readFloats());
  }

  @Test
  void linearSeesNewWeightsAfterAnyWrite() {
    Buffer x = buffer(1, 1);
    Buffer weight = buffer(1, 2);
    Buffer y = poisoned(1);
    LinearShape shape = new LinearShape(1, 2, 1, Activation.NONE);
    backend.linearForward(shape, x, weight, null, y);
    weight.slice(1, 1).write(5f);
    backend.linearForward(shape, x, weight, null, y);
    assertArrayEquals(new float[] {6}, y.readFloats());
  }

  // Embedding.

  @Test
  void embeddingPicksRowsOfTheTable() {
    Buffer table = buffer(0, 1, 10, 11, 20, 21);
    Buffer y = poisoned(8);
    backend.embeddingForward(4, 2, tokens(2, -1, 0, 2, 1), table, y);
    assertArrayEquals(new float[] {20, 21, 0, 0, 0, 1, 20, 21}, y.readFloats());
  }

  @Test
  void embeddingWithoutTableIsOneHot() {
    Buffer y = poisoned(9);
    backend.embeddingForward(3, 3, tokens(1, -5, 2), null, y);
    assertArrayEquals(new float[] {0, 1, 0, 0, 0, 0, 0, 0, 1}, y.readFloats());
  }

  @Test
  void embeddingGradientAddsEveryRowOfItsToken() {
    Buffer dTable = buffer(1, 1, 1, 1, 1, 1);
    Buffer dy = buffer(1, 2, 3, 4, 5, 6, 7, 8);
    backend.embeddingBackward(4, 2, tokens(2, 0, -1, 2), dy, dTable);
    assertArrayEquals(new float[] {4, 5, 1, 1, 9, 11}, dTable.readFloats());
  }

  // Losses.

  @ParameterizedTest
  @EnumSource(LossFunction.class)
  void lossAndGradientMatchDoubleFormula(LossFunction function) {
    int t = 3;
    int b = 4;
    int n = 5;
    int[] lengths = {3, 0, 1, 2};
    float[] outputs = random(t * b * n).readFloats();
    int[] classes = new int[t * b];
    float[] values = new float[t * b * n];
    for (int i = 0; i < classes.length; i++) {
      classes[i] = random.nextInt(n);
    }
    classes[0] = -1;
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat();
    }
    boolean softmax = function == LossFunction.SOFTMAX_CROSS_ENTROPY;
    double scale = 0.125;
    double total = 0;
    int valid = 0;
    double[] gradient = new double[t * b * n];
    for (int row = 0; row < t * b; row++) {
      int at = row * n;
      if (row / b >= lengths[row % b] || (softmax && classes[row] < 0)) {
        Arrays.fill(outputs, at, at + n, Float.NaN);
        continue;
      }
      valid++;
      double powers = 0;
      for (int j = 0; j < n; j++) {
        powers += Math.exp(outputs[at + j]);
      }
      for (int j = 0; j < n; j++) {
        double a = outputs[at + j];
        double target = values[at + j];
        double sigmoid = 1 / (1 + Math.exp(-a));
        switch (function) {
          case SOFTMAX_CROSS_ENTROPY -> {
            double hit = j == classes[row] ? 1 : 0;
            total -= hit * Math.log(Math.exp(a) / powers);
            gradient[at + j] = scale * (Math.exp(a) / powers - hit);
          }
          case BINARY_CROSS_ENTROPY -> {
            total -= target * Math.log(sigmoid) + (1 - target) * Math.log(1 - sigmoid);
            gradient[at + j] = scale * (sigmoid - target);
          }
          case MEAN_SQUARED_ERROR -> {
            total += (a - target) * (a - target) / n;
            gradient[at + j] = scale * 2 * (a - target) / n;
          }
        }
      }
    }
    LossShape shape = new LossShape(function, t, b, n);
    Buffer targets = softmax ? tokens(classes) : buffer(values);
    Buffer lengthBuffer = tokens(lengths);
    Buffer a = buffer(outputs);
    Buffer result = poisoned(2);
    Buffer dOutputs = poisoned(t * b * n);
    backend.loss(shape, a, targets, lengthBuffer, (float) scale, null, dOutputs, result);
    assertClose(new double[] {total, valid}, result.readFloats());
    assertClose(gradient, dOutputs.readFloats());
    backend.loss(shape, a, targets, lengthBuffer, (float) scale, null, a, result);
    assertClose(new double[] {total, valid}, result.readFloats());
    assertClose(gradient, a.readFloats());
  }

  @Test
  void softmaxOfHugeOutputsIsFinite() {
    Buffer result = poisoned(2);
    Buffer a = buffer(1e20f, 0, -1e20f, 1000, 1000, 1000);
    Buffer da = poisoned(6);
    LossShape shape = new LossShape(LossFunction.SOFTMAX_CROSS_ENTROPY, 1, 2, 3);
    backend.loss(shape, a, tokens(0, 1), null, 1f, null, da, result);
    assertClose(new double[] {Math.log(3), 2}, result.readFloats());
    assertClose(new double[] {0, 0, 0, 1 / 3.0, -2 / 3.0, 1 / 3.0}, da.readFloats());
  }

  @Test
  void binaryCrossEntropyOfHugeOutputsIsFinite() {
    Buffer result = poisoned(2);
    Buffer a = buffer(200, -200, 200);
    Buffer da = poisoned(3);
    LossShape shape = new LossShape(LossFunction.BINARY_CROSS_ENTROPY, 1, 1, 3);
    backend.loss(shape, a, buffer(1, 0, 0), null, 1f, null, da, result);
    assertClose(new double[] {200, 1}, result.readFloats());
    assertClose(new double[] {0, 0, 1}, da.readFloats());
  }

  @Test
  void lossWithoutGradientOnlyWritesTheResult() {
    Buffer result = poisoned(2);
    Buffer a = buffer(1, 2);
    LossShape shape = new LossShape(LossFunction.MEAN_SQUARED_ERROR, 1, 1, 2);
    backend.loss(shape, a, buffer(0, 0), null, 1f, null, null, result);
    assertClose(new double[] {2.5, 1}, result.readFloats());
    assertArrayEquals(new float[] {1, 2}, a.readFloats());
  }

  // Optimisers.

  @ParameterizedTest(name = "{0} decay {1} norm {2} value {3}")
  @CsvSource({
    "SGD, 0, 0, 0",
    "SGD, 0.1, 2, 0.3",
    "ADAM, 0, 0, 0",
    "ADAM, 0.1, 2, 0.3",
    "ADAMW, 0.1, 2, 0",
    "ADAMW, 0, 0, 0.3"
  })
  void optimizerMatchesDoubleFormula(
      OptimizerStep.Rule rule, float decay, float clipNorm, float clipValue) {
    int n = 10_001;
    Buffer parameters = random(n);
    Buffer moments = backend.allocate(DType.FLOAT32, (long) rule.moments() * n);
    buffers.add(moments);
    Buffer report = buffer(UpdateReport.initial(1f));
    double[] w = toDouble(parameters.readFloats());
    double[] m = new double[n];
    double[] v = new double[n];
    for (int t = 1; t <= 3; t++) {
      Buffer gradients = random(n);
      double[] g = toDouble(gradients.readFloats());
      OptimizerStep step =
          new OptimizerStep(rule, t, 0.01f, 0.9f, 0.9f, 0.99f, 1e-8f, decay, clipNorm, clipValue);
      double length = Math.sqrt(Arrays.stream(g).map(x -> x * x).sum());
      double scale = clipNorm > 0 && length > clipNorm ? clipNorm / length : 1;
      for (int i = 0; i < n; i++) {
        double gi = g[i] * scale;
        gi = clipValue > 0 ? Math.max(-clipValue, Math.min(clipValue, gi)) : gi;
        if (rule == OptimizerStep.Rule.ADAMW) {
          w[i] -= 0.01 * decay * w[i];
        } else {
          gi += decay * w[i];
        }
        if (rule == OptimizerStep.Rule.SGD) {
          m[i] = 0.9 * m[i] + gi;
          w[i] -= 0.01 * m[i];
        } else {
          m[i] = 0.9 * m[i] + 0.1 * gi;
          v[i] = 0.99 * v[i] + 0.01 * gi * gi;
          double mean = m[i] / (1 - Math.pow(0.9, t));
          double variance = v[i] / (1 - Math.pow(0.99, t));
          w[i] -= 0.01 * mean / (Math.sqrt(variance) + 1e-8);
        }
      }
      backend.optimizerStep(step, parameters, gradients, moments, report);
      assertEquals(length, report.readFloats()[UpdateReport.NORM], 1e-6 * length);
      assertArrayEquals(new float[0], differences(g, gradients.readFloats()));
      assertClose(w, parameters.readFloats());
    }
  }

  /** Elements of {@code actual} that are not {@code expected}. */
  private static float[] differences(double[] expected, float[] actual) {
    List<Float> found = new ArrayList<>();
    for (int i = 0; i < expected.length; i++) {
      if (actual[i] != expected[i]) {
        found.add(actual[i]);
      }
    }
    float[] result = new float[found.size()];
    for (int i = 0; i < result.length; i++) {
      result[i] = found.get(i);
    }
    return result;
  }

  @ParameterizedTest
  @EnumSource(OptimizerStep.Rule.class)
  void aGradientThatIsNotFiniteLeavesParametersAndMoments(OptimizerStep.Rule rule) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Buffer parameters = buffer(1, 2, 3);
      float[] start = new float[3 * rule.moments()];
      Arrays.fill(start, 0.5f);
      Buffer moments = buffer(start);
      Buffer report = buffer(UpdateReport.initial(1f));
      OptimizerStep step = new OptimizerStep(rule, 1, 0.1f, 0.9f, 0.9f, 0.99f, 1e-8f, 0.1f, 1f, 1f);
      backend.optimizerStep(step, parameters, buffer(1, bad, 2), moments, report);
      float[] told = report.readFloats();
      assertTrue(!Float.isFinite(told[UpdateReport.NORM]));
      assertEquals(1f, told[UpdateReport.SKIPPED]);
      assertEquals(1f, told[UpdateReport.LOSS_SCALE]);
      assertArrayEquals(new float[] {1, 2, 3}, parameters.readFloats());
      assertArrayEquals(start, moments.readFloats());
    }
  }

  /** As if the skipped update had never been asked for. */
  @ParameterizedTest
  @EnumSource(OptimizerStep.Rule.class)
  void skippedUpdatesDoNotCountForTheNext(OptimizerStep.Rule rule) {
    Buffer[] parameters = {buffer(1, 2, 3), buffer(1, 2, 3)};
    for (int skipped = 0; skipped < 2; skipped++) {
      Buffer moments = buffer(new float[3 * rule.moments()]);
      Buffer report = buffer(UpdateReport.initial(1f));
      for (int i = 0; i < skipped; i++) {
        update(rule, 1, parameters[skipped], buffer(1, Float.NaN, 2), moments, report);
      }
      update(rule, 1 + skipped, parameters[skipped], buffer(1, -1, 2), moments, report);
      update(rule, 2 + skipped, parameters[skipped], buffer(2, 1, 1), moments, report);
    }
    assertArrayEquals(parameters[0].readFloats(), parameters[1].readFloats());
  }

  private void update(
      OptimizerStep.Rule rule, int t, Buffer parameters, Buffer g, Buffer moments, Buffer report) {
    OptimizerStep step = new OptimizerStep(rule, t, 0.1f, 0.9f, 0.9f, 0.99f, 1e-8f, 0.1f, 1.5f, 1f);
    backend.optimizerStep(step, parameters, g, moments, report);
  }

  /** A power of two changes no bit. */
  @ParameterizedTest
  @EnumSource(OptimizerStep.Rule.class)
  void theLossScaleIsTakenOutBeforeClipping(OptimizerStep.Rule rule) {
    Buffer[] parameters = {buffer(1, 2, 3), buffer(1, 2, 3)};
    float[] scales = {1f, 1024f};
    for (int i = 0; i < 2; i++) {
      float scale = scales[i];
      Buffer moments = buffer(new float[3 * rule.moments()]);
      Buffer report = buffer(UpdateReport.initial(scale));
      update(rule, 1, parameters[i], buffer(scale, -2 * scale, 2 * scale), moments, report);
      assertEquals(3f, report.readFloats()[UpdateReport.NORM], 1e-6);
    }
    assertArrayEquals(parameters[0].readFloats(), parameters[1].readFloats());
  }

  @Test
  void theLossScaleHalvesWhenGradientsOverflowAndDoublesAfterTwoThousandUpdates() {
    Buffer parameters = buffer(1, 2);
    Buffer moments = buffer(0, 0);
    Buffer report = buffer(UpdateReport.initial(1024f));
    Buffer good = buffer(1, 2);
    update(OptimizerStep.Rule.SGD, 1, parameters, buffer(1, Float.NaN), moments, report);
    assertArrayEquals(
        new float[] {1, 512, 0}, Arrays.copyOfRange(report.readFloats(), 1, 4), "overflow");
    for (int i = 0; i < 1999; i++) {
      update(OptimizerStep.Rule.SGD, 2, parameters, good, moments, report);
    }
    assertArrayEquals(new float[] {1, 512, 1999}, Arrays.copyOfRange(report.readFloats(), 1, 4));
    update(OptimizerStep.Rule.SGD, 2, parameters, good, moments, report);
    assertArrayEquals(
        new float[] {1, 1024, 0}, Arrays.copyOfRange(report.readFloats(), 1, 4), "doubled");
  }

  @Test
  void theLossScaleMultipliesTheGradientAndNotTheLoss() {
    LossShape shape = new LossShape(LossFunction.SOFTMAX_CROSS_ENTROPY, 1, 2, 3);
    Buffer a = buffer(1, 2, 3, 0, 0, 1);
    Buffer[] gradients = {poisoned(6), poisoned(6)};
    Buffer[] results = {poisoned(2), poisoned(2)};
    Buffer report = buffer(UpdateReport.initial(64f));
    backend.loss(shape, a, tokens(0, 2), null, 0.5f, null, gradients[0], results[0]);
    backend.loss(shape, a, tokens(0, 2), null, 0.5f, report, gradients[1], results[1]);
    assertArrayEquals(results[0].readFloats(), results[1].readFloats());
    double[] expected =
        Arrays.stream(toDouble(gradients[0].readFloats())).map(g -> 64 * g).toArray();
    assertClose(expected, gradients[1].readFloats());
  }

  /** What changes between two calls of a step is seen, however the backend repeats its work. */
  @Test
  void aStepThatIsRepeatedSeesItsInputsAndValues() {
    Buffer x = buffer(0, 0, 0);
    Buffer parameters = buffer(0, 0, 0);
    Buffer moments = buffer(0, 0, 0);
    Buffer report = buffer(UpdateReport.initial(1f));
    double[] expected = new double[3];
    ByteBuffer source = ByteBuffer.allocateDirect(12).order(ByteOrder.nativeOrder());
    for (int i = 1; i <= 6; i++) {
      source.clear().asFloatBuffer().put(new float[] {i, 2 * i, -i});
      float rate = 0.5f / i;
      OptimizerStep optimizer =
          new OptimizerStep(OptimizerStep.Rule.SGD, i, rate, 0, 0, 0, 0, 0, 0, 0);
      backend.step(
          "repeated",
          new StepValues(0, 0, 1f, optimizer),
          List.of(new StepInput(source, x)),
          () -> backend.optimizerStep(optimizer, parameters, x, moments, report));
      source.clear().asFloatBuffer().put(new float[] {7, 7, 7}); // it has been taken already
      for (int j = 0; j < 3; j++) {
        expected[j] -= rate * new double[] {i, 2 * i, -i}[j];
      }
    }
    assertClose(expected, parameters.readFloats());
  }

  @Test
  void aRepeatedStepIsCheckedEveryTime() {
    Buffer tokens = tokens(0, 0);
    Buffer table = buffer(1, 2, 3, 4);
    Buffer y = poisoned(4);
    ByteBuffer source = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
    StepValues values = new StepValues(0, 0, 1f, null);
    List<StepInput> inputs = List.of(new StepInput(source, tokens));
    Runnable work = () -> backend.embeddingForward(2, 2, tokens, table, y);
    long before = y.version();
    for (int i = 0; i < 8; i++) {
      boolean wrong = i % 3 == 2; // among the calls that record as well as those that replay
      source.clear().asIntBuffer().put(new int[] {1, wrong ? 2 : i % 2});
      if (wrong) {
        String message =
            assertThrows(
                    IllegalArgumentException.class,
                    () -> backend.step("tokens", values, inputs, work))
                .toString();
        assertTrue(message.contains("tokens[1] is 2; needed at most 1"), message);
      } else {
        backend.step("tokens", values, inputs, work);
        assertTrue(y.version() != before, "what a step writes counts as written");
        before = y.version();
        assertClose(new double[] {3, 4, i % 2 == 0 ? 1 : 3, i % 2 == 0 ? 2 : 4}, y.readFloats());
      }
    }
    source.clear().asIntBuffer().put(new int[] {0, 1});
    if (backend.isAsynchronous()) { // others record nothing, and take what each call gives them
      source.limit(4);
      assertThrows(
          IllegalArgumentException.class, () -> backend.step("tokens", values, inputs, work));
      source.clear();
    }
    y.close();
    assertThrows(IllegalStateException.class, () -> backend.step("tokens", values, inputs, work));
  }

  // Sampling.

  @ParameterizedTest(name = "V={0} temperature {1} topK {2} topP {3}")
  @CsvSource({
    "1, 1, 0, 1",
    "5, 0, 0, 1",
    "31, 1, 0, 1",
    "33, 0.5, 7, 1",
    "100, 2, 0, 0.6",
    "257, 1, 40, 0.9",
    "3000, 1, 0, 0.95"
  })
  void tokensAreDrawnAsByTheHost(int vocabulary, float temperature, int topK, float topP) {
    DrawShape shape = new DrawShape(vocabulary, temperature, topK, topP);
    Buffer logits = random(vocabulary);
    if (vocabulary > 4) {
      logits.slice(1, 3).write(0.5f, 0.5f, 0.5f); // equal ones must keep their order
    }
    TokenDraw host = new TokenDraw(vocabulary);
    System.arraycopy(logits.readFloats(), 0, host.logits(), 0, vocabulary);
    Buffer token = tokens(-7);
    for (int n = 0; n < 50; n++) {
      backend.drawToken(shape, 9, 1000, n, logits, token);
      int word = Philox.word(9, Philox.Stream.SAMPLER.number(), 0, 1000 + n);
      assertEquals(host.draw(shape, word), token.readInts()[0], "token " + n);
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "1"})
  void noTokenIsDrawnFromLogitsThatAreNotFinite(float temperature) {
    Buffer token = tokens(3);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      DrawShape shape = new DrawShape(3, temperature, 2, 0.9f);
      backend.drawToken(shape, 1, 0, 0, buffer(0, bad, 1), token);
      assertEquals(-1, token.readInts()[0]);
    }
  }
}
