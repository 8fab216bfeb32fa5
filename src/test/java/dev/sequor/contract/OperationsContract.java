package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.OptimizerStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a model needs of a backend besides recurrent stacks, against double precision. */
abstract class OperationsContract extends BackendContract {
  private final SplittableRandom random = new SplittableRandom(3);
  private final List<Buffer> owned = new ArrayList<>();

  protected OperationsContract(String provider) {
    super(provider);
  }

  @AfterEach
  final void closeBuffers() {
    owned.forEach(Buffer::close);
    owned.clear();
  }

  private double[] uniform(int n, double low, double high) {
    return random.doubles(n, low, high).map(v -> (float) v).toArray();
  }

  private Buffer floats(double... values) {
    Buffer buffer = backend.allocate(DType.FLOAT32, values.length);
    owned.add(buffer);
    buffer.write(BackendRun.toFloats(values));
    return buffer;
  }

  private Buffer garbage(int n) {
    double[] values = new double[n];
    Arrays.fill(values, Double.NaN);
    return floats(values);
  }

  private Buffer ints(int... values) {
    Buffer buffer = backend.allocate(DType.INT32, values.length);
    owned.add(buffer);
    buffer.write(values);
    return buffer;
  }

  private static double apply(Activation f, double a) {
    return switch (f) {
      case NONE -> a;
      case TANH -> Math.tanh(a);
      case RELU -> Math.max(0, a);
    };
  }

  private static double slope(Activation f, double y) {
    return switch (f) {
      case NONE -> 1;
      case TANH -> 1 - y * y;
      case RELU -> y > 0 ? 1 : 0;
    };
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void denseLayersMatchDoubleReference(Activation f) {
    int[][] shapes = {{1, 1, 1}, {33, 31, 257}, {257, 3, 1}, {3, 257, 33}, {1, 33, 31}};
    for (int[] s : shapes) {
      for (boolean hasBias : new boolean[] {true, false}) {
        checkDenseLayer(f, s[0], s[1], s[2], hasBias);
      }
    }
  }

  private void checkDenseLayer(Activation f, int m, int k, int n, boolean hasBias) {
    double[] x = uniform(m * k, -1, 1);
    double[] w = uniform(n * k, -1 / Math.sqrt(k), 1 / Math.sqrt(k));
    double[] b = hasBias ? uniform(n, -1, 1) : new double[n];
    double[] dy = uniform(m * n, -0.5, 1);
    double[] oldW = uniform(n * k, -1, 1);
    double[] oldB = uniform(n, -1, 1);
    double[] y = new double[m * n];
    double[] da = new double[m * n];
    double[] dx = new double[m * k];
    double[] dw = oldW.clone();
    double[] db = oldB.clone();
    for (int row = 0; row < m; row++) {
      for (int j = 0; j < n; j++) {
        double a = b[j];
        for (int i = 0; i < k; i++) {
          a += x[row * k + i] * w[j * k + i];
        }
        int at = row * n + j;
        y[at] = apply(f, a);
        da[at] = dy[at] * slope(f, y[at]);
        db[j] += da[at];
        for (int i = 0; i < k; i++) {
          dx[row * k + i] += da[at] * w[j * k + i];
          dw[j * k + i] += da[at] * x[row * k + i];
        }
      }
    }
    LinearShape shape = new LinearShape(m, k, n, f);
    Buffer xs = floats(x);
    Buffer ws = floats(w);
    Buffer bias = hasBias ? floats(b) : null;
    Buffer ys = garbage(m * n);
    backend.linearForward(shape, xs, ws, bias, ys);
    Closeness bars = Closeness.FLOAT32.in(shape);
    bars.check("y", y, ys.readFloats());
    Buffer dys = floats(dy);
    Buffer dxs = garbage(m * k);
    Buffer dws = floats(oldW);
    Buffer dbs = hasBias ? floats(oldB) : null;
    backend.linearBackward(shape, xs, ws, ys, dys, dxs, dws, dbs);
    bars.check("dx", dx, dxs.readFloats());
    bars.check("dWeight", dw, dws.readFloats());
    bars.check("dy after", da, dys.readFloats());
    if (dbs != null) {
      bars.check("dBias", db, dbs.readFloats());
    }
    Buffer again = floats(dy);
    Buffer onlyWeights = floats(oldW);
    backend.linearBackward(shape, xs, ws, ys, again, null, onlyWeights, null);
    bars.check("dWeight alone", dw, onlyWeights.readFloats());
  }

  @Test
  void embeddingTakesRowsAndOneHotSetsOnes() {
    int[] tokens = {2, -1, 0, 2, 4};
    double[] table = uniform(5 * 33, -1, 1);
    Buffer y = garbage(5 * 33);
    backend.embeddingForward(5, 33, ints(tokens), floats(table), y);
    Buffer oneHot = garbage(5 * 6);
    backend.embeddingForward(5, 6, ints(tokens), null, oneHot);
    float[] expected = new float[5 * 33];
    float[] expectedOneHot = new float[5 * 6];
    for (int i = 0; i < tokens.length; i++) {
      for (int j = 0; j < 33 && tokens[i] >= 0; j++) {
        expected[i * 33 + j] = (float) table[tokens[i] * 33 + j];
      }
      if (tokens[i] >= 0) {
        expectedOneHot[i * 6 + tokens[i]] = 1;
      }
    }
    assertArrayEquals(expected, y.readFloats());
    assertArrayEquals(expectedOneHot, oneHot.readFloats());
  }

  @Test
  void embeddingGradientAddsRowsOfTheSameToken() {
    int rows = 300;
    int width = 31;
    int[] tokens = random.ints(rows, -1, 7).toArray();
    double[] dy = random.ints((long) rows * width, -3, 4).asDoubleStream().toArray();
    double[] sum = random.ints(7L * width, -3, 4).asDoubleStream().toArray();
    Buffer dTable = floats(sum);
    backend.embeddingBackward(rows, width, ints(tokens), floats(dy), dTable);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < width && tokens[i] >= 0; j++) {
        sum[tokens[i] * width + j] += dy[i * width + j];
      }
    }
    assertArrayEquals(BackendRun.toFloats(sum), dTable.readFloats());
  }

  /** The loss of one row, in the words of {@link LossFunction}. */
  private static double rowLoss(LossFunction f, double[] a, double[] targets) {
    double sum = 0;
    switch (f) {
      case SOFTMAX_CROSS_ENTROPY -> {
        double max = Arrays.stream(a).max().orElseThrow();
        for (double v : a) {
          sum += Math.exp(v - max);
        }
        return Math.log(sum) + max - a[(int) targets[0]];
      }
      case BINARY_CROSS_ENTROPY -> {
        for (int j = 0; j < a.length; j++) {
          double p = 1 / (1 + Math.exp(-a[j]));
          sum -= targets[j] * Math.log(p) + (1 - targets[j]) * Math.log(1 - p);
        }
        return sum;
      }
      case MEAN_SQUARED_ERROR -> {
        for (int j = 0; j < a.length; j++) {
          sum += (a[j] - targets[j]) * (a[j] - targets[j]);
        }
        return sum / a.length;
      }
    }
    throw new IllegalArgumentException("no reference for " + f);
  }

  private static double[] differences(ToDoubleFunction<double[]> f, double[] a) {
    double[] slopes = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      double[] moved = a.clone();
      moved[i] = a[i] + 1e-5;
      double up = f.applyAsDouble(moved);
      moved[i] = a[i] - 1e-5;
      slopes[i] = (up - f.applyAsDouble(moved)) / 2e-5;
    }
    return slopes;
  }

  @ParameterizedTest
  @EnumSource(LossFunction.class)
  void lossAndItsGradientMatchDoubleReference(LossFunction f) {
    for (int n : new int[] {1, 3, 33, 257}) {
      for (boolean hasLengths : new boolean[] {false, true}) {
        checkLoss(f, 7, 5, n, hasLengths ? new int[] {3, 7, 0, 1, 6} : null);
      }
    }
  }

  private void checkLoss(LossFunction f, int steps, int batch, int n, int @Nullable [] lengths) {
    boolean tokens = f == LossFunction.SOFTMAX_CROSS_ENTROPY;
    double[] a = uniform(steps * batch * n, -3, 3);
    int[] classes = random.ints((long) steps * batch, 0, n).toArray();
    classes[2] = -1;
    double[] targets = uniform(steps * batch * n, 0, 1);
    double total = 0;
    int valid = 0;
    float scale = 0.25f;
    double[] gradient = new double[a.length];
    float[] poisoned = BackendRun.toFloats(a);
    for (int row = 0; row < steps * batch; row++) {
      int from = row * n;
      boolean counts = lengths == null || row / batch < lengths[row % batch];
      if (!counts) {
        Arrays.fill(poisoned, from, from + n, Float.NaN);
      }
      if (!counts || (tokens && classes[row] < 0)) {
        continue;
      }
      double[] t =
          tokens ? new double[] {classes[row]} : Arrays.copyOfRange(targets, from, from + n);
      double[] rowValues = Arrays.copyOfRange(a, from, from + n);
      total += rowLoss(f, rowValues, t);
      valid++;
      double[] slopes = differences(v -> scale * rowLoss(f, v, t), rowValues);
      System.arraycopy(slopes, 0, gradient, from, n);
    }
    LossShape shape = new LossShape(f, steps, batch, n);
    Buffer outputs = garbage(a.length);
    outputs.write(poisoned);
    Buffer target = tokens ? ints(classes) : floats(targets);
    Buffer lengthBuffer = lengths == null ? null : ints(lengths);
    Buffer result = garbage(2);
    Buffer dOutputs = garbage(a.length);
    backend.loss(shape, outputs, target, lengthBuffer, scale, dOutputs, result);
    assertEquals(total, result.readFloats()[0], 1e-5 * Math.abs(total) + 1e-6, shape + " loss");
    assertEquals(valid, result.readFloats()[1], shape + " rows");
    if (n > 1 || !tokens) { // one class is certain: no gradient at all
      Closeness.FLOAT32.in(shape).check("dOutputs", gradient, dOutputs.readFloats());
    }
    float[] apart = dOutputs.readFloats();
    Buffer onlyResult = garbage(2);
    backend.loss(shape, outputs, target, lengthBuffer, scale, null, onlyResult);
    assertArrayEquals(result.readFloats(), onlyResult.readFloats());
    backend.loss(shape, outputs, target, lengthBuffer, scale, outputs, result);
    assertArrayEquals(apart, outputs.readFloats(), shape + ": gradient in the outputs' place");
  }

  @ParameterizedTest
  @ValueSource(floats = {50f, 1e4f, 0x1p66f})
  void lossesOfHugeOutputsAreFinite(float huge) {
    for (LossFunction f : LossFunction.values()) {
      boolean squares = f == LossFunction.MEAN_SQUARED_ERROR;
      float h = squares ? Math.min(huge, 0x1p50f) : huge;
      Buffer outputs = floats(h, -h, 0, -h, h, h);
      boolean tokens = f == LossFunction.SOFTMAX_CROSS_ENTROPY;
      Buffer targets = tokens ? ints(0, 1) : floats(1, 0, 1, 0, 1, 0);
      Buffer result = garbage(2);
      Buffer gradient = garbage(6);
      backend.loss(new LossShape(f, 2, 1, 3), outputs, targets, null, 1, gradient, result);
      for (float v : result.readFloats()) {
        assertTrue(Float.isFinite(v), f + " " + huge + " gives " + v);
      }
      for (float v : gradient.readFloats()) {
        assertTrue(Float.isFinite(v), f + " " + huge + " has gradient " + v);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(OptimizerStep.Rule.class)
  void threeUpdatesMatchDoubleReference(OptimizerStep.Rule rule) {
    for (double clipNorm : new double[] {0, 0.5, 1e9}) {
      for (double clipValue : new double[] {0, 0.02}) {
        checkUpdates(rule, 1031, clipNorm, clipValue);
      }
    }
  }

  private void checkUpdates(OptimizerStep.Rule rule, int n, double clipNorm, double clipValue) {
    double[] w = uniform(n, -1, 1);
    double[][] moments = new double[rule.moments()][n];
    Buffer weights = floats(w);
    Buffer state = floats(new double[rule.moments() * n]);
    Buffer norm = garbage(1);
    for (int t = 1; t <= 3; t++) {
      double[] g = uniform(n, -1, 1);
      OptimizerStep step =
          new OptimizerStep(
              rule, t, 0.01f, 0.9f, 0.9f, 0.999f, 1e-8f, 0.1f, (float) clipNorm, (float) clipValue);
      Buffer gradients = floats(g);
      backend.optimizerStep(step, weights, gradients, state, norm);
      double length = Math.sqrt(Arrays.stream(g).map(v -> v * v).sum());
      assertEquals(length, norm.readFloats()[0], 1e-5 * length, "norm");
      assertArrayEquals(BackendRun.toFloats(g), gradients.readFloats(), "gradients changed");
      update(step, w, g, moments, length);
      Closeness bars = Closeness.FLOAT32.in(step);
      bars.check("parameters", w, weights.readFloats());
      double[] flat = Arrays.stream(moments).flatMapToDouble(Arrays::stream).toArray();
      bars.check("moments", flat, state.readFloats());
    }
  }

  private static void update(
      OptimizerStep s, double[] w, double[] g, double[][] moments, double length) {
    double scale = s.clipNorm() > 0 ? Math.min(1, s.clipNorm() / length) : 1;
    for (int i = 0; i < w.length; i++) {
      double gradient = g[i] * scale;
      if (s.clipValue() > 0) {
        gradient = Math.max(-s.clipValue(), Math.min(s.clipValue(), gradient));
      }
      double lr = s.learningRate();
      if (s.rule() == OptimizerStep.Rule.ADAMW) {
        w[i] -= lr * s.weightDecay() * w[i];
      } else {
        gradient += s.weightDecay() * w[i];
      }
      if (s.rule() == OptimizerStep.Rule.SGD) {
        moments[0][i] = s.momentum() * moments[0][i] + gradient;
        w[i] -= lr * moments[0][i];
      } else {
        moments[0][i] = s.beta1() * moments[0][i] + (1 - (double) s.beta1()) * gradient;
        moments[1][i] = s.beta2() * moments[1][i] + (1 - (double) s.beta2()) * gradient * gradient;
        double m = moments[0][i] / (1 - Math.pow(s.beta1(), (double) s.step()));
        double v = moments[1][i] / (1 - Math.pow(s.beta2(), (double) s.step()));
        w[i] -= lr * m / (Math.sqrt(v) + s.epsilon());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aGradientThatIsNotFiniteChangesNothingButTheNorm(float bad) {
    for (OptimizerStep.Rule rule : OptimizerStep.Rule.values()) {
      double[] w = uniform(100, -1, 1);
      double[] m = uniform(100 * rule.moments(), 0, 1);
      double[] g = uniform(100, -1, 1);
      g[77] = bad;
      Buffer weights = floats(w);
      Buffer moments = floats(m);
      Buffer norm = floats(0);
      OptimizerStep step =
          new OptimizerStep(rule, 5, 0.1f, 0.9f, 0.9f, 0.999f, 1e-8f, 0.1f, 1f, 1f);
      backend.optimizerStep(step, weights, floats(g), moments, norm);
      assertFalse(Float.isFinite(norm.readFloats()[0]), "the norm does not tell");
      assertArrayEquals(BackendRun.toFloats(w), weights.readFloats());
      assertArrayEquals(BackendRun.toFloats(m), moments.readFloats());
    }
  }

  @Test
  void slicesShareMemoryAndVersion() {
    Buffer whole = floats(uniform(100, -1, 1));
    Buffer part = whole.slice(30, 10);
    long before = whole.version();
    backend.fill(part, 2f);
    assertTrue(whole.version() > before, "a write to a slice left the version as it was");
    float[] values = whole.readFloats();
    for (int i = 0; i < 100; i++) {
      assertEquals(i >= 30 && i < 40, values[i] == 2f, "element " + i);
    }
    Buffer target = garbage(10);
    backend.copy(part, target);
    assertArrayEquals(part.readFloats(), target.readFloats());
    assertEquals(10, part.slice(0, 10).elements());
  }
}
