package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.reference.ReferenceActivation;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  @Test
  void elementsAreWrittenAndReadInAnyOrderAtTheirPlace() {
    Buffer whole = buffer(1, 2, 3, 4, 5);
    Buffer middle = whole.slice(1, 3);
    long before = whole.version();
    backend.write(
        middle,
        to -> {
          assertEquals(3, to.remaining());
          to.put(2, 30).put(0, 10).put(1, 20);
        });
    assertTrue(whole.version() != before, "what was packed from it would count as the same");
    assertArrayEquals(new float[] {1, 10, 20, 30, 5}, whole.readFloats());
    float[] read = new float[3];
    backend.read(middle, from -> from.get(read));
    assertArrayEquals(new float[] {10, 20, 30}, read);
    backend.read(middle, from -> assertTrue(from.isReadOnly()));
    backend.read(whole.slice(2, 0), from -> assertEquals(0, from.remaining()));
    backend.write(whole.slice(2, 0), to -> assertEquals(0, to.remaining()));
  }

  @Test
  void aWriterThatFailsOrWantsMoreOfTheBackendIsRefused() {
    Buffer some = buffer(1, 2);
    IllegalArgumentException own = new IllegalArgumentException("mine");
    assertEquals(
        own,
        assertThrows(
            IllegalArgumentException.class,
            () ->
                backend.write(
                    some,
                    to -> {
                      throw own;
                    })));
    assertThrows(IllegalStateException.class, () -> backend.write(some, to -> some.close()));
    assertThrows(IllegalStateException.class, () -> backend.read(some, from -> backend.close()));
    backend.write(some, to -> to.put(0, 7).put(1, 8));
    assertArrayEquals(new float[] {7, 8}, some.readFloats());
  }

  private static void assertClose(double[] expected, float[] actual) {
    assertClose(expected, actual, new double[expected.length]);
  }

  /** Allows each element its own rounding besides. */
  private static void assertClose(double[] expected, float[] actual, double[] rounding) {
    assertEquals(expected.length, actual.length);
    double largest = 1;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], TOLERANCE * largest + rounding[i], "element " + i);
    }
  }

  /** Whether the backend itself says in which parts and order a product's terms are added. */
  protected boolean sumsAreOurs() {
    return true;
  }

  /**
   * What an unknown order may add to the error of a float32 sum. After j terms of random signs the
   * sum is about the root of the sum of their squares, and adding the next rounds it by at most
   * {@code u = 2⁻²⁴} of that; over k terms the errors' standard deviation is {@code u·√(k·Σ
   * squares/6)}. Five of these.
   */
  private double rounding(int terms, double sumOfSquares) {
    return sumsAreOurs() ? 0 : 5 * 0x1p-24 * Math.sqrt(terms * sumOfSquares / 6);
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
  @CsvSource({
    "1,1,1,NONE",
    "3,5,7,TANH",
    "33,31,1,RELU",
    "2,257,33,TANH",
    "65,3,130,RELU",
    "2,1,1572865,NONE"
  })
  void linearMatchesDoubleFormula(int m, int k, int n, Activation activation) {
    Buffer x = inDomain(activation, m * k);
    Buffer weight = inDomain(activation, n * k);
    Buffer bias = inDomain(activation, n);
    Buffer y = poisoned(m * n);
    LinearShape shape = new LinearShape(m, k, n, activation);
    backend.linearForward(shape, x, weight, bias, y);
    float[] xs = x.readFloats();
    float[] ws = weight.readFloats();
    float[] bs = bias.readFloats();
    double[] expected = new double[m * n];
    double[] rounding = new double[m * n];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = bs[j];
        double squares = 0;
        for (int l = 0; l < k; l++) {
          double product = (double) xs[i * k + l] * ws[j * k + l];
          sum += product;
          squares += product * product;
        }
        expected[i * n + j] = ReferenceActivation.of(activation, sum);
        rounding[i * n + j] = rounding(k, squares);
      }
    }
    assertClose(expected, y.readFloats(), rounding);

    Buffer dy = random(m * n);
    float[] upstream = dy.readFloats();
    Buffer dx = poisoned(m * k);
    Buffer dWeight = random(n * k);
    Buffer dBias = random(n);
    double[] dw = toDouble(dWeight.readFloats());
    double[] db = toDouble(dBias.readFloats());
    double[] dxs = new double[m * k];
    double[] dxRounding = new double[m * k];
    double[] dwRounding = new double[n * k];
    float[] ys = y.readFloats();
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double da = upstream[i * n + j] * ReferenceActivation.slopeGiven(activation, ys[i * n + j]);
        db[j] += da;
        for (int l = 0; l < k; l++) {
          double ofX = da * ws[j * k + l];
          double ofWeight = da * xs[i * k + l];
          dxs[i * k + l] += ofX;
          dw[j * k + l] += ofWeight;
          dxRounding[i * k + l] += ofX * ofX; // squares at first
          dwRounding[j * k + l] += ofWeight * ofWeight;
        }
      }
    }
    Arrays.setAll(dxRounding, i -> rounding(n, dxRounding[i]));
    Arrays.setAll(dwRounding, i -> rounding(m, dwRounding[i]));
    backend.linearBackward(shape, x, weight, y, dy, dx, dWeight, dBias);
    assertClose(dxs, dx.readFloats(), dxRounding);
    assertClose(dw, dWeight.readFloats(), dwRounding);
    assertClose(db, dBias.readFloats());
  }

  @ParameterizedTest
  @EnumSource
  void everyActivationIsPartOfADenseLayer(Activation activation) {
    linearMatchesDoubleFormula(33, 7, 65, activation);
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

  // Activations, dropout, columns.

  static Stream<Arguments> activationsOfAwkwardSizes() {
    return Stream.of(Activation.values())
        .flatMap(f -> IntStream.of(1, 3, 31, 33, 257, 20_011).mapToObj(n -> Arguments.of(f, n)));
  }

  /** Starts one element later than its memory, so that nothing may rely on its alignment. */
  private static Buffer odd(Buffer buffer) {
    return buffer.slice(1, buffer.elements() - 1);
  }

  /** Numbers that the function has a finite value for. */
  private Buffer inDomain(Activation function, int elements) {
    Buffer buffer = random(elements);
    if (ReferenceActivation.needsPositive(function)) {
      float[] values = buffer.readFloats();
      for (int i = 0; i < elements; i++) {
        values[i] = Math.abs(values[i]) + 0.1f;
      }
      buffer.write(values);
    }
    return buffer;
  }

  @ParameterizedTest(name = "{0} of {1}")
  @MethodSource("activationsOfAwkwardSizes")
  void activationAndItsGradientMatchDoubleFormula(Activation function, int n) {
    Buffer x = odd(inDomain(function, n + 1));
    Buffer y = poisoned(n + 2);
    Buffer dy = odd(random(n + 1));
    double[] a = toDouble(x.readFloats());
    double[] expected = Arrays.stream(a).map(v -> ReferenceActivation.of(function, v)).toArray();
    backend.activation(function, x, y);
    assertClose(expected, y.slice(0, n).readFloats());
    assertTrue(Float.isNaN(y.readFloats()[n]), "past the end of x");
    double[] slopes = new double[n];
    double[] upstream = toDouble(dy.readFloats());
    for (int i = 0; i < n; i++) {
      slopes[i] = upstream[i] * ReferenceActivation.slope(function, a[i]);
    }
    Buffer dx = poisoned(n);
    backend.activationGradient(function, y.slice(0, n), dy, dx);
    assertClose(slopes, dx.readFloats());
    assertArrayEquals(new float[0], differences(upstream, dy.readFloats()));
    backend.activation(function, x, x);
    assertArrayEquals(y.slice(0, n).readFloats(), x.readFloats(), "in place");
    backend.activationGradient(function, x, dy, dy);
    assertArrayEquals(dx.readFloats(), dy.readFloats(), "in place");
  }

  /** Relative to themselves, also where they are nearly 0 or have hardly any slope. */
  @ParameterizedTest
  @EnumSource(
      names = {"HARD_SIGMOID", "HARD_SIGMOID_RELU6"},
      mode = EnumSource.Mode.EXCLUDE)
  void activationsKeepTheirDigits(Activation function) {
    List<Float> numbers = new ArrayList<>();
    for (double size = 1e-7; size < 80; size *= 1.37) {
      numbers.add((float) size);
      if (!ReferenceActivation.needsPositive(function)) {
        numbers.add((float) -size);
      }
    }
    float[] a = new float[numbers.size()];
    for (int i = 0; i < a.length; i++) {
      a[i] = numbers.get(i);
    }
    Buffer y = poisoned(a.length);
    backend.activation(function, buffer(a), y);
    float[] actual = y.readFloats();
    for (int i = 0; i < a.length; i++) {
      double expected = ReferenceActivation.of(function, a[i]);
      // A rounding of a large argument is so much in its power.
      double bar = 2e-6 * (1 + Math.abs(a[i]) / 8) * Math.abs(expected);
      assertEquals(expected, actual[i], bar, function + " of " + a[i]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ELU, -Infinity, -1",
    "ELU, Infinity, Infinity",
    "SELU, -Infinity, -1.7580993",
    "SELU, Infinity, Infinity",
    "SOFTPLUS, -Infinity, 0",
    "SOFTPLUS, Infinity, Infinity",
    "SOFTSIGN, 1e30, 1",
    "SOFTSIGN, -1e30, -1",
    "EXP, 0, 1",
    "EXP, 88.5, 2.723088e38",
    "EXP, 89, Infinity",
    "EXP, Infinity, Infinity",
    "EXP, -120, 0",
    "EXP, -Infinity, 0",
    "SQRT, 0, 0",
    "SQRT, -1, NaN",
    "SQRT, Infinity, Infinity",
    "RECIPROCAL, 0, Infinity",
    "RECIPROCAL, -0.0, -Infinity",
    "RECIPROCAL, Infinity, 0",
    "HARD_SIGMOID, -Infinity, 0",
    "HARD_SIGMOID, -2.5, 0",
    "HARD_SIGMOID, 0, 0.5",
    "HARD_SIGMOID, Infinity, 1",
    "HARD_SIGMOID_RELU6, -3.01, 0",
    "HARD_SIGMOID_RELU6, 3.01, 1",
    "HARD_SIGMOID_RELU6, Infinity, 1",
    "LEAKY_RELU, -Infinity, -Infinity",
    "LEAKY_RELU, Infinity, Infinity"
  })
  void activationsOfExtremeNumbers(Activation function, float a, float expected) {
    Buffer y = poisoned(2);
    backend.activation(function, buffer(a, Float.NaN), y);
    float[] actual = y.readFloats();
    // What an exponent that is clamped at 87 leaves of nothing.
    float bar = 2e-38f + (Float.isFinite(expected) ? 1e-6f * Math.abs(expected) : 0);
    assertEquals(expected, actual[0], bar);
    assertTrue(Float.isNaN(actual[1]), "of NaN");
  }

  @Test
  void nothingHasAGradientWhereNothingDependsOnIt() {
    float[] infinite = {0f, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY};
    Activation[] functions = {Activation.SQRT, Activation.RECIPROCAL, Activation.EXP};
    for (int i = 0; i < functions.length; i++) {
      Buffer dx = poisoned(2);
      Buffer y = buffer(infinite[i], infinite[i]);
      backend.activationGradient(functions[i], y, buffer(0f, 1f), dx);
      assertEquals(0f, dx.readFloats()[0], functions[i].name());
      assertTrue(Float.isInfinite(dx.readFloats()[1]), functions[i].name());
    }
  }

  // Products, maxima.

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 31, 33, 257, 20_011})
  void elementsAreMultipliedOrAdded(int n) {
    Buffer a = odd(random(n + 1));
    Buffer b = random(n);
    Buffer y = poisoned(n + 1);
    double[] left = toDouble(a.readFloats());
    double[] right = toDouble(b.readFloats());
    double[] expected = IntStream.range(0, n).mapToDouble(i -> left[i] * right[i]).toArray();
    backend.multiply(a, b, y, false);
    assertClose(expected, y.slice(0, n).readFloats());
    assertTrue(Float.isNaN(y.readFloats()[n]), "past the end of a");
    Buffer sum = random(n);
    double[] before = toDouble(sum.readFloats());
    backend.multiply(a, b, sum, true);
    assertClose(
        IntStream.range(0, n).mapToDouble(i -> before[i] + expected[i]).toArray(),
        sum.readFloats());
    float[] product = y.slice(0, n).readFloats();
    backend.multiply(a, b, b, false);
    assertArrayEquals(product, b.readFloats(), "in place of the second");
    backend.multiply(a, a, a, false);
    assertClose(Arrays.stream(left).map(v -> v * v).toArray(), a.readFloats());
  }

  @Test
  void productsOverlapTheirFactorsWhollyOrNotAtAll() {
    Buffer memory = buffer(1, 2, 3, 4);
    Buffer a = memory.slice(0, 3);
    Buffer b = buffer(5, 6, 7);
    String apart = " shares memory with a; needed memory of its own";
    IllegalArgumentException shifted =
        assertThrows(
            IllegalArgumentException.class,
            () -> backend.multiply(a, b, memory.slice(1, 3), false));
    assertEquals("y" + apart + ", or exactly the same", shifted.getMessage());
    IllegalArgumentException added =
        assertThrows(IllegalArgumentException.class, () -> backend.multiply(a, b, a, true));
    assertEquals("y" + apart, added.getMessage());
    assertArrayEquals(new float[] {1, 2, 3, 4}, memory.readFloats());
  }

  @ParameterizedTest(name = "T={0} B={1} W={2}")
  @CsvSource({"1,1,1", "3,2,31", "31,3,1", "7,33,33", "2,1,257", "257,2,5", "5,4,300"})
  void theMaximumOverTimeIsTheFirstOfTheLargest(int steps, int batchSize, int width) {
    MaximumShape shape = new MaximumShape(steps, batchSize, width);
    int columns = batchSize * width;
    for (boolean padded : new boolean[] {false, true}) {
      int[] lengths = new int[batchSize];
      for (int b = 0; b < batchSize; b++) {
        lengths[b] = padded ? random.nextInt(steps + 1) : steps;
      }
      float[] x = new float[steps * columns];
      float[] expected = new float[columns];
      int[] places = new int[columns];
      Arrays.fill(places, MaximumShape.NONE);
      float[] numbers = {-2, -1, -0f, 0f, 1, 2};
      for (int i = 0; i < x.length; i++) {
        int column = i % columns;
        if (i / columns >= lengths[column / width]) {
          x[i] = Float.NaN;
          continue;
        }
        x[i] = random.nextInt(200) == 0 ? Float.NaN : numbers[random.nextInt(numbers.length)];
        boolean isLarger = x[i] > expected[column] || Float.isNaN(x[i]);
        if (places[column] < 0 || (!Float.isNaN(expected[column]) && isLarger)) {
          expected[column] = x[i];
          places[column] = i;
        }
      }
      Buffer y = poisoned(columns + 1);
      Buffer from = tokens(new int[columns + 1]);
      Buffer input = odd(buffer(new float[x.length + 1]));
      input.write(x);
      backend.maximumOverTime(shape, input, padded ? tokens(lengths) : null, y, from);
      assertArrayEquals(expected, y.slice(0, columns).readFloats());
      assertArrayEquals(places, from.slice(0, columns).readInts());
      assertTrue(Float.isNaN(y.readFloats()[columns]), "past the end of y");
      assertEquals(0, from.readInts()[columns], "past the end of from");
      Buffer dy = random(columns);
      float[] upstream = dy.readFloats();
      float[] slopes = new float[x.length];
      for (int i = 0; i < columns; i++) {
        if (places[i] >= 0) {
          slopes[places[i]] = upstream[i];
        }
      }
      Buffer dx = buffer(new float[x.length]);
      backend.embeddingBackward(columns, 1, from, dy, dx);
      assertArrayEquals(slopes, dx.readFloats());
    }
  }

  @Test
  void anActivationAloneGivesTheBitsOfTheDenseLayers() {
    int n = 33;
    float[] identity = new float[n * n];
    for (int i = 0; i < n; i++) {
      identity[i * n + i] = 1f;
    }
    Buffer weight = buffer(identity);
    Buffer x = random(n);
    Buffer y = poisoned(n);
    Buffer alone = poisoned(n);
    for (Activation function : Activation.values()) {
      backend.linearForward(new LinearShape(1, n, n, function), x, weight, null, y);
      backend.activation(function, x, alone);
      assertArrayEquals(y.readFloats(), alone.readFloats(), function.name());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 0.5", "3, 0", "31, 0.1", "33, 0.9", "257, 0.5", "20011, 0.25"})
  void dropoutZeroesWhatPhiloxSays(int n, float p) {
    RandomKey random = new RandomKey(-3L << 20, 77, 5L << 35);
    Buffer keys = tokens(new int[RandomKey.ELEMENTS + 1]);
    Buffer key = odd(keys);
    key.write(random.words());
    Buffer x = odd(random(n + 1));
    Buffer y = poisoned(n);
    float[] given = x.readFloats();
    double[] expected = new double[n];
    for (int i = 0; i < n; i++) {
      int word = Philox.word(random.seed(), random.stream(), random.offset(), i);
      boolean dropped = Integer.toUnsignedLong(word) < p * 0x1p32;
      expected[i] = dropped ? 0 : given[i] / (1.0 - p);
    }
    backend.dropout(0, p, key, x, y);
    assertClose(expected, y.readFloats());
    backend.dropout(0, p, key, x, x);
    assertArrayEquals(y.readFloats(), x.readFloats(), "in place");
  }

  @ParameterizedTest(name = "width {0}")
  @ValueSource(ints = {1, 3, 4, 7, 32})
  void aPartOfABatchDrawsWhatItWouldInTheWhole(int width) {
    int steps = 5;
    int sequences = 7;
    Buffer key = tokens(new int[RandomKey.ELEMENTS]);
    RandomKey random = new RandomKey(11, 3, 9);
    key.write(random.words());
    Buffer whole = random(steps * sequences * width);
    float[] given = whole.readFloats();
    backend.dropout(width, 0.4f, key, whole, whole);
    float[] masked = whole.readFloats();
    for (int[] part : new int[][] {{0, 3}, {3, 1}, {4, 3}, {0, 7}}) {
      BatchPart of = new BatchPart(part[0], part[1], sequences);
      key.write(new RandomKey(11, 3, 9, of).words());
      int row = part[1] * width;
      float[] own = new float[steps * row];
      float[] expected = new float[steps * row];
      for (int t = 0; t < steps; t++) {
        int from = (t * sequences + part[0]) * width;
        System.arraycopy(given, from, own, t * row, row);
        System.arraycopy(masked, from, expected, t * row, row);
      }
      Buffer x = buffer(own);
      backend.dropout(width, 0.4f, key, x, x);
      assertArrayEquals(expected, x.readFloats(), of.toString());
    }
  }

  @Test
  void dropoutOfPOutsideZeroToOneIsRefused() {
    Buffer key = tokens(new int[RandomKey.ELEMENTS]);
    Buffer x = buffer(1, 2, 3);
    for (float p : new float[] {-0.1f, 1f, Float.NaN}) {
      IllegalArgumentException refusal =
          assertThrows(IllegalArgumentException.class, () -> backend.dropout(0, p, key, x, x));
      assertEquals("p is " + p + "; needed 0 <= p < 1", refusal.getMessage());
    }
  }

  @ParameterizedTest(name = "{0} rows, {1} columns")
  @CsvSource({"1,1", "3,31", "31,3", "33,33", "2,257", "257,1", "1,20011"})
  void columnsAreCopiedOrAdded(int rows, int width) {
    for (boolean add : new boolean[] {false, true}) {
      for (float factor : new float[] {1f, -0.5f}) {
        for (int apart : new int[] {0, 3}) {
          int sourceStride = width + apart;
          int targetStride = width + 2 * apart;
          ColumnCopy copy =
              new ColumnCopy(
                  rows, width, apart, sourceStride, apart / 2, targetStride, factor, add);
          Buffer source = random(rows * sourceStride);
          Buffer target = random(rows * targetStride);
          float[] from = source.readFloats();
          double[] expected = toDouble(target.readFloats());
          for (int r = 0; r < rows; r++) {
            for (int j = 0; j < width; j++) {
              int to = r * targetStride + apart / 2 + j;
              double value = factor * from[r * sourceStride + apart + j];
              expected[to] = add ? expected[to] + value : value;
            }
          }
          backend.copyColumns(copy, source, target);
          assertClose(expected, target.readFloats());
          source.close();
          target.close();
        }
      }
    }
  }

  // Normalisation.

  /** {@code Σ dy∘y} of a normalisation, in double precision. */
  private static double normalized(
      int rows, int n, double epsilon, double[] x, double[] p, double[] dy, double[] y) {
    double objective = 0;
    for (int r = 0; r < rows; r++) {
      double[] row = Arrays.copyOfRange(x, r * n, r * n + n);
      double mean = Arrays.stream(row).average().orElseThrow();
      double variance = Arrays.stream(row).map(v -> (v - mean) * (v - mean)).sum() / n;
      for (int j = 0; j < n; j++) {
        y[r * n + j] = p[j] * (row[j] - mean) / Math.sqrt(variance + epsilon) + p[n + j];
        objective += dy[r * n + j] * y[r * n + j];
      }
    }
    return objective;
  }

  @ParameterizedTest(name = "{0} rows, {1} columns")
  @CsvSource({"1,1", "3,31", "31,3", "33,33", "2,257", "257,2", "1,1500", "700,5", "2,786433"})
  void layerNormMatchesDoubleFormulaAndDifferences(int rows, int n) {
    for (float epsilon : new float[] {1e-5f, 0.1f}) {
      NormShape shape = new NormShape(rows, n, epsilon);
      Buffer x = random(rows * n);
      Buffer parameters = random(2 * n);
      Buffer dy = random(rows * n);
      double[] exactX = toDouble(x.readFloats());
      double[] exactP = toDouble(parameters.readFloats());
      double[] exactDy = toDouble(dy.readFloats());
      double[] exactY = new double[rows * n];
      normalized(rows, n, epsilon, exactX, exactP, exactDy, exactY);
      Buffer y = poisoned(rows * n);
      Buffer saved = poisoned(2 * rows);
      backend.layerNormForward(shape, x, parameters, y, saved);
      assertClose(exactY, y.readFloats());
      Buffer dx = poisoned(rows * n);
      Buffer sums = random(2 * n);
      float[] before = sums.readFloats();
      backend.layerNormBackward(shape, x, parameters, saved, dy, dx, sums);
      float[] gotX = dx.readFloats();
      float[] gotP = sums.readFloats();
      // Where a row hardly varies its slopes are as large as 1/√ε.
      double bar = 2e-4 * (n < 4 ? 1 / Math.sqrt(epsilon) : 10);
      for (int probe = 0; probe < 12; probe++) {
        int i = random.nextInt(rows * n);
        double slope = slope(rows, n, epsilon, exactX, exactP, exactDy, exactX, i);
        assertEquals(slope, gotX[i], bar, "dx[" + i + "]");
        int k = random.nextInt(2 * n);
        double sum = slope(rows, n, epsilon, exactX, exactP, exactDy, exactP, k);
        assertEquals(sum, gotP[k] - before[k], 1e-4 * (1 + Math.abs(sum)), "dP[" + k + "]");
      }
      Buffer again = buffer(before);
      backend.layerNormBackward(shape, x, parameters, saved, dy, null, again);
      assertArrayEquals(gotP, again.readFloats());
    }
  }

  /** Equal numbers, whose float32 sum one after the other is off by more than 1e-4 of itself. */
  @Test
  void gradientsOfManyRowsAreSummedWithoutLosingDigits() {
    int rows = 150_000;
    int n = 3;
    float[] tenths = new float[rows * n];
    Arrays.fill(tenths, 0.1f);
    float[] alternating = new float[rows * n];
    float[] means = new float[2 * rows];
    for (int row = 0; row < rows; row++) {
      alternating[row * n] = 1f;
      alternating[row * n + 1] = -0.5f;
      means[2 * row + 1] = 1f; // the mean is 0
    }
    Buffer dy = buffer(tenths);
    Buffer x = buffer(alternating);
    Buffer sums = buffer(new float[2 * n]);
    NormShape shape = new NormShape(rows, n, 1e-5f);
    backend.layerNormBackward(shape, x, buffer(new float[2 * n]), buffer(means), dy, null, sums);
    double exact = rows * (double) 0.1f;
    double[] factors = {1, -0.5, 0, 1, 1, 1};
    float[] got = sums.readFloats();
    for (int i = 0; i < 2 * n; i++) {
      assertEquals(factors[i] * exact, got[i], 5e-5 * exact, "dP[" + i + "]");
    }
    Buffer dBias = buffer(new float[n]);
    Buffer dWeight = buffer(new float[n * n]);
    backend.linearBackward(
        new LinearShape(rows, n, n, Activation.NONE),
        x,
        buffer(new float[n * n]),
        x,
        buffer(tenths),
        null,
        dWeight,
        dBias);
    for (int i = 0; i < n; i++) {
      assertEquals(exact, dBias.readFloats()[i], 5e-5 * exact);
      for (int j = 0; j < n; j++) {
        assertEquals(factors[j] * exact, dWeight.readFloats()[i * n + j], 5e-5 * exact);
      }
    }
  }

  static Stream<Arguments> softmaxes() {
    return Stream.of("1,1", "3,31", "31,3", "33,33", "2,257", "257,2", "1,1500", "700,5")
        .map(sizes -> sizes.split(","))
        .flatMap(
            s ->
                Stream.of(false, true)
                    .map(l -> Arguments.of(Integer.valueOf(s[0]), Integer.valueOf(s[1]), l)));
  }

  @ParameterizedTest(name = "{0} rows, {1} columns, logarithm {2}")
  @MethodSource("softmaxes")
  void softmaxMatchesDoubleFormula(int rows, int n, boolean logarithm) {
    SoftmaxShape shape = new SoftmaxShape(rows, n, logarithm);
    Buffer x = random(rows * n);
    Buffer dy = random(rows * n);
    double[] given = toDouble(x.readFloats());
    double[] gradient = toDouble(dy.readFloats());
    double[] expected = new double[rows * n];
    double[] slopes = new double[rows * n];
    for (int r = 0; r < rows; r++) {
      double sum = 0;
      double along = 0;
      for (int i = r * n; i < (r + 1) * n; i++) {
        expected[i] = Math.exp(given[i]);
        sum += expected[i];
      }
      for (int i = r * n; i < (r + 1) * n; i++) {
        expected[i] /= sum;
        along += logarithm ? gradient[i] : expected[i] * gradient[i];
      }
      for (int i = r * n; i < (r + 1) * n; i++) {
        slopes[i] =
            logarithm ? gradient[i] - expected[i] * along : expected[i] * (gradient[i] - along);
        expected[i] = logarithm ? Math.log(expected[i]) : expected[i];
      }
    }
    Buffer y = poisoned(rows * n);
    backend.softmaxForward(shape, x, y);
    assertClose(expected, y.readFloats());
    Buffer dx = poisoned(rows * n);
    backend.softmaxBackward(shape, y, dy, dx);
    assertClose(slopes, dx.readFloats());
    backend.softmaxBackward(shape, y, dy, dy);
    assertArrayEquals(dx.readFloats(), dy.readFloats(), "in place");
    backend.softmaxForward(shape, x, x);
    assertArrayEquals(y.readFloats(), x.readFloats(), "in place");
  }

  @Test
  void softmaxOfHugeNumbersIsFiniteAndSumsToOne() {
    Buffer x = buffer(new float[] {3e38f, -3e38f, 3e38f, 0, 1e30f, -1e30f});
    Buffer y = poisoned(6);
    backend.softmaxForward(new SoftmaxShape(2, 3), x, y);
    assertClose(new double[] {0.5, 0, 0.5, 0, 1, 0}, y.readFloats());
  }

  @Test
  void logarithmsOfTinyProbabilitiesKeepTheirDigits() {
    Buffer x = buffer(new float[] {1e30f, -1e30f, 1e30f, 100, 0, -200, -3, -3, -3});
    Buffer y = poisoned(9);
    backend.softmaxForward(new SoftmaxShape(3, 3, true), x, y);
    double[] expected = {
      -Math.log(2), -2e30, -Math.log(2), 0, -100, -300, -Math.log(3), -Math.log(3), -Math.log(3)
    };
    float[] actual = y.readFloats();
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 2e-7 * Math.abs(expected[i]), "element " + i);
    }
    Buffer dx = poisoned(9);
    backend.softmaxBackward(new SoftmaxShape(3, 3, true), y, buffer(1, 1, 1, 1, 1, 1, 3, 0, 0), dx);
    assertClose(new double[] {-0.5, 1, -0.5, -2, 1, 1, 2, -1, -1}, dx.readFloats());
  }

  private static double slope(
      int rows,
      int n,
      double epsilon,
      double[] x,
      double[] p,
      double[] dy,
      double[] variable,
      int i) {
    double step = 1e-6;
    double[] y = new double[rows * n];
    double value = variable[i];
    variable[i] = value + step;
    double above = normalized(rows, n, epsilon, x, p, dy, y);
    variable[i] = value - step;
    double below = normalized(rows, n, epsilon, x, p, dy, y);
    variable[i] = value;
    return (above - below) / (2 * step);
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

  @Test
  void embeddingGradientOfVeryWideRowsIsWhole() {
    int width = 65535 * 128 + 1;
    float[] upstream = new float[2 * width];
    float[] expected = new float[width];
    for (int i = 0; i < upstream.length; i++) {
      upstream[i] = i % 31;
      expected[i % width] += i % 31;
    }
    Buffer dTable = buffer(new float[width]);
    backend.embeddingBackward(2, width, tokens(0, 0), buffer(upstream), dTable);
    assertArrayEquals(expected, dTable.readFloats());
  }

  // Losses.

  private static final int[] WIDTHS = {1, 3, 5, 31, 33, 257};

  static Stream<Loss> losses() {
    return Stream.of(
        Loss.softmaxCrossEntropy(),
        Loss.binaryCrossEntropy(),
        Loss.meanSquaredError(),
        Loss.labelSmoothedCrossEntropy(0.3f),
        Loss.weightedBinaryCrossEntropy(2.5f));
  }

  static Stream<Arguments> lossesOfAwkwardWidths() {
    return losses().flatMap(loss -> IntStream.of(WIDTHS).mapToObj(n -> Arguments.of(loss, n)));
  }

  @Test
  void everyLossFunctionIsTried() {
    Set<LossFunction> ofRows = EnumSet.allOf(LossFunction.class);
    ofRows.removeIf(LossFunction::takesLabels); // those are in CtcContract
    assertEquals(ofRows, losses().map(Loss::function).collect(Collectors.toSet()));
  }

  /** The loss of one row, in double precision and as plainly as can be. */
  private static double rowLoss(Loss loss, double[] a, int target, double[] t) {
    double sum = 0;
    if (loss instanceof Loss.SoftmaxCrossEntropy) {
      double powers = Arrays.stream(a).map(Math::exp).sum();
      return -Math.log(Math.exp(a[target]) / powers);
    }
    if (loss instanceof Loss.LabelSmoothedCrossEntropy smoothed) {
      double powers = Arrays.stream(a).map(Math::exp).sum();
      for (int j = 0; j < a.length; j++) {
        double share = (double) smoothed.smoothing() / a.length;
        share += j == target ? 1 - (double) smoothed.smoothing() : 0;
        sum -= share * Math.log(Math.exp(a[j]) / powers);
      }
      return sum;
    }
    boolean binary = !(loss instanceof Loss.MeanSquaredError);
    double positive =
        loss instanceof Loss.WeightedBinaryCrossEntropy weighted ? weighted.positiveWeight() : 1;
    for (int j = 0; j < a.length; j++) {
      double sigmoid = 1 / (1 + Math.exp(-a[j]));
      sum +=
          binary
              ? -positive * t[j] * Math.log(sigmoid) - (1 - t[j]) * Math.log(1 - sigmoid)
              : (a[j] - t[j]) * (a[j] - t[j]) / a.length;
    }
    return sum;
  }

  /** Central differences of {@link #rowLoss}. */
  private static double[] rowGradient(Loss loss, double[] a, int target, double[] t) {
    double step = 1e-5;
    double[] gradient = new double[a.length];
    for (int j = 0; j < a.length; j++) {
      double[] above = a.clone();
      double[] below = a.clone();
      above[j] += step;
      below[j] -= step;
      gradient[j] =
          (rowLoss(loss, above, target, t) - rowLoss(loss, below, target, t)) / (2 * step);
    }
    return gradient;
  }

  @ParameterizedTest(name = "{0} N={1}")
  @MethodSource("lossesOfAwkwardWidths")
  void lossAndGradientMatchDoubleFormula(Loss loss, int n) {
    int t = 3;
    int b = 4;
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
    boolean softmax = loss.function().takesClasses();
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
      double[] a = toDouble(Arrays.copyOfRange(outputs, at, at + n));
      double[] targets = toDouble(Arrays.copyOfRange(values, at, at + n));
      total += rowLoss(loss, a, classes[row], targets);
      double[] slopes = rowGradient(loss, a, classes[row], targets);
      for (int j = 0; j < n; j++) {
        gradient[at + j] = scale * slopes[j];
      }
    }
    LossShape shape = new LossShape(loss, t, b, n);
    Buffer targets = softmax ? tokens(classes) : buffer(values);
    Buffer lengthBuffer = tokens(lengths);
    Buffer a = buffer(outputs);
    Buffer factor = buffer((float) scale);
    Buffer result = poisoned(2);
    Buffer dOutputs = poisoned(t * b * n);
    backend.loss(shape, a, targets, lengthBuffer, factor, null, dOutputs, result);
    assertClose(new double[] {total, valid}, result.readFloats());
    assertClose(gradient, dOutputs.readFloats());
    backend.fill(result, Float.NaN);
    backend.loss(shape, a, targets, lengthBuffer, null, null, null, result);
    assertClose(new double[] {total, valid}, result.readFloats());
    backend.loss(shape, a, targets, lengthBuffer, factor, null, a, result);
    assertClose(new double[] {total, valid}, result.readFloats());
    assertClose(gradient, a.readFloats());
  }

  /** Against the plain rows; one weighs nothing, and what is there is not looked at. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("losses")
  void rowsCountAsOftenAsTheirWeightsSay(Loss loss) {
    int t = 2;
    int b = 3;
    int n = 33;
    int[] lengths = {2, 1, 2};
    float[] weights = {0.5f, 2, 0, 3, Float.NaN, 1};
    float[] outputs = random(t * b * n).readFloats();
    Arrays.fill(outputs, 2 * n, 3 * n, Float.NaN); // weighs 0
    int[] classes = {3, 0, 1, 32, 5, -1};
    float[] values = new float[t * b * n];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat();
    }
    boolean softmax = loss.function().takesClasses();
    double total = 0;
    double weight = 0;
    double[] gradient = new double[t * b * n];
    for (int row = 0; row < t * b; row++) {
      int at = row * n;
      boolean past = row / b >= lengths[row % b];
      if (past || weights[row] == 0 || (softmax && classes[row] < 0)) {
        continue;
      }
      double[] a = toDouble(Arrays.copyOfRange(outputs, at, at + n));
      double[] targets = toDouble(Arrays.copyOfRange(values, at, at + n));
      total += weights[row] * rowLoss(loss, a, classes[row], targets);
      weight += weights[row];
      double[] slopes = rowGradient(loss, a, classes[row], targets);
      for (int j = 0; j < n; j++) {
        gradient[at + j] = 0.25 * 8 * weights[row] * slopes[j];
      }
    }
    LossShape shape = new LossShape(loss, t, b, n);
    Buffer result = poisoned(2);
    Buffer dOutputs = poisoned(t * b * n);
    Buffer scale = buffer(UpdateReport.initial(8f)).slice(UpdateReport.LOSS_SCALE, 1);
    backend.loss(
        shape,
        buffer(outputs),
        softmax ? tokens(classes) : buffer(values),
        tokens(lengths),
        buffer(weights),
        buffer(0.25f),
        scale,
        dOutputs,
        result);
    assertClose(new double[] {total, weight}, result.readFloats());
    assertClose(gradient, dOutputs.readFloats());
  }

  @Test
  void aLossWithClassWeightsIsNoneForABackend() {
    Loss weighted = Loss.classWeighted(Loss.softmaxCrossEntropy(), 1f, 2f);
    assertThrows(IllegalArgumentException.class, () -> new LossShape(weighted, 1, 1, 2));
  }

  @Test
  void softmaxOfHugeOutputsIsFinite() {
    Buffer result = poisoned(2);
    Buffer a = buffer(1e20f, 0, -1e20f, 1000, 1000, 1000);
    Buffer da = poisoned(6);
    LossShape shape = new LossShape(Loss.softmaxCrossEntropy(), 1, 2, 3);
    backend.loss(shape, a, tokens(0, 1), null, null, null, da, result);
    assertClose(new double[] {Math.log(3), 2}, result.readFloats());
    assertClose(new double[] {0, 0, 0, 1 / 3.0, -2 / 3.0, 1 / 3.0}, da.readFloats());
  }

  @Test
  void binaryCrossEntropyOfHugeOutputsIsFinite() {
    Buffer result = poisoned(2);
    Buffer a = buffer(200, -200, 200);
    Buffer da = poisoned(3);
    LossShape shape = new LossShape(Loss.binaryCrossEntropy(), 1, 1, 3);
    backend.loss(shape, a, buffer(1, 0, 0), null, null, null, da, result);
    assertClose(new double[] {200, 1}, result.readFloats());
    assertClose(new double[] {0, 0, 1}, da.readFloats());
  }

  @Test
  void lossWithoutGradientOnlyWritesTheResult() {
    Buffer result = poisoned(2);
    Buffer a = buffer(1, 2);
    LossShape shape = new LossShape(Loss.meanSquaredError(), 1, 1, 2);
    backend.loss(shape, a, buffer(0, 0), null, null, null, null, result);
    assertClose(new double[] {2.5, 1}, result.readFloats());
    assertArrayEquals(new float[] {1, 2}, a.readFloats());
  }

  // Optimisers.

  @ParameterizedTest
  @EnumSource(UpdateRule.class)
  void optimizerMatchesDoubleFormula(UpdateRule rule) {
    for (int n : new int[] {1, 3, 31, 33, 257, 10_001}) {
      optimizerMatchesDoubleFormula(rule, n, 0f, 0f, 0f);
      optimizerMatchesDoubleFormula(rule, n, 0.1f, 2f, 0.3f);
      optimizerMatchesDoubleFormula(rule, n, 0.1f, 2f, 0f);
      optimizerMatchesDoubleFormula(rule, n, 0f, 0f, 0.3f);
    }
  }

  private void optimizerMatchesDoubleFormula(
      UpdateRule rule, int n, float decay, float clipNorm, float clipValue) {
    Buffer parameters = random(n);
    Buffer moments = backend.allocate(DType.FLOAT32, (long) rule.moments() * n);
    buffers.add(moments);
    Buffer report = buffer(UpdateReport.initial(1f));
    double[] w = toDouble(parameters.readFloats());
    double[][] m = new double[n][3];
    for (int t = 1; t <= 3; t++) {
      Buffer gradients = random(n);
      double[] g = toDouble(gradients.readFloats());
      Buffer numbers = numbers(rule, t, 0.01f, decay, clipNorm, clipValue);
      double length = Math.sqrt(Arrays.stream(g).map(x -> x * x).sum());
      double scale = clipNorm > 0 && length > clipNorm ? clipNorm / length : 1;
      for (int i = 0; i < n; i++) {
        double gi = g[i] * scale;
        gi = clipValue > 0 ? Math.max(-clipValue, Math.min(clipValue, gi)) : gi;
        w[i] = updated(rule, t, 0.01, decay, gi, w[i], m[i]);
      }
      backend.optimizerStep(rule, numbers, parameters, gradients, moments, report);
      assertEquals(length, report.readFloats()[UpdateReport.NORM], 1e-6 * length);
      assertArrayEquals(new float[0], differences(g, gradients.readFloats()));
      assertClose(w, parameters.readFloats());
    }
  }

  /**
   * A parameter after its update {@code t}, as plainly as can be.
   *
   * @param m its moments, in an order of this function's own
   */
  private static double updated(
      UpdateRule rule, int t, double rate, double decay, double given, double w, double[] m) {
    boolean apart = rule == UpdateRule.ADAMW || rule == UpdateRule.LION;
    double g = apart ? given : given + decay * w;
    double start = apart ? w - rate * decay * w : w;
    switch (rule) {
      case SGD, NESTEROV -> {
        m[0] = 0.9 * m[0] + g;
        return start - rate * (rule == UpdateRule.NESTEROV ? g + 0.9 * m[0] : m[0]);
      }
      case RMSPROP -> {
        m[0] = 0.99 * m[0] + 0.01 * g * g;
        return start - rate * g / (Math.sqrt(m[0]) + 1e-8);
      }
      case CENTERED_RMSPROP -> {
        m[0] = 0.9 * m[0] + 0.1 * g * g;
        m[1] = 0.9 * m[1] + 0.1 * g;
        m[2] = 0.8 * m[2] + g / (Math.sqrt(m[0] - m[1] * m[1]) + 1e-3);
        return start - rate * m[2];
      }
      case ADAGRAD -> {
        m[0] += g * g;
        return start - rate * g / (Math.sqrt(m[0]) + 1e-8);
      }
      case LION -> {
        double way = 0.9 * m[0] + 0.1 * g;
        m[0] = 0.99 * m[0] + 0.01 * g;
        return start - rate * Math.signum(way);
      }
      case ADAM, ADAMW -> {
        m[0] = 0.9 * m[0] + 0.1 * g;
        m[1] = 0.99 * m[1] + 0.01 * g * g;
        double mean = m[0] / (1 - Math.pow(0.9, t));
        double variance = m[1] / (1 - Math.pow(0.99, t));
        return start - rate * mean / (Math.sqrt(variance) + 1e-8);
      }
    }
    throw new AssertionError(rule);
  }

  private static List<Float> constants(UpdateRule rule, float decay) {
    return switch (rule) {
      case SGD, NESTEROV -> List.of(0.9f, decay);
      case CENTERED_RMSPROP -> List.of(0.9f, 1e-3f, decay, 0.8f);
      case ADAGRAD -> List.of(1e-8f, decay);
      case LION -> List.of(0.9f, 0.99f, decay);
      case ADAM, ADAMW -> List.of(0.9f, 0.99f, 1e-8f, decay);
      case RMSPROP -> List.of(0.99f, 1e-8f, decay);
    };
  }

  /**
   * Groups whose borders lie within registers and blocks, one of a single element, and one that
   * nothing happens to; against the plain formula with each group's numbers.
   */
  @ParameterizedTest
  @EnumSource(UpdateRule.class)
  void eachGroupIsUpdatedByItsOwnNumbersAndTheNormIsOfAll(UpdateRule rule) {
    for (int n : new int[] {8, 40, 513, 10_001}) {
      int[] ends = {1, 3, n / 2, n / 2 + 1, n - 1, n};
      int[] groups = {2, UpdateGroups.NONE, 0, 1, 0, 2};
      double[] rates = {0.01, 0.003, 0};
      float[] decays = {0.1f, 0, 0.3f};
      float clipNorm = 0.5f * (float) Math.sqrt(n / 3.0);
      Buffer parameters = random(n);
      Buffer moments = buffer(new float[rule.moments() * n]);
      Buffer report = buffer(UpdateReport.initial(8f));
      UpdateGroups where = new UpdateGroups(tokens(ends), tokens(groups));
      double[] w = toDouble(parameters.readFloats());
      double[][] m = new double[n][3];
      for (int t = 1; t <= 3; t++) {
        float[] g = random(n).readFloats();
        g[1] = Float.NaN; // of no group
        float[] rows = new float[3 * OptimizerStep.ELEMENTS];
        for (int i = 0; i < 3; i++) {
          float[] row = step(rule, t, (float) rates[i], decays[i], clipNorm, 0f).values();
          System.arraycopy(row, 0, rows, i * row.length, row.length);
        }
        double squares = 0;
        int[] groupOf = new int[n];
        for (int i = 0, region = 0; i < n; i++) {
          while (i >= ends[region]) {
            region++;
          }
          groupOf[i] = groups[region];
          squares += groupOf[i] < 0 ? 0 : (double) g[i] * g[i] / 64;
        }
        double scale = Math.min(1, clipNorm / Math.sqrt(squares)) / 8;
        for (int i = 0; i < n; i++) {
          int group = groupOf[i];
          if (group >= 0) {
            w[i] = updated(rule, t, rates[group], decays[group], g[i] * scale, w[i], m[i]);
          }
        }
        backend.optimizerStep(rule, buffer(rows), where, parameters, buffer(g), moments, report);
        assertEquals(Math.sqrt(squares), report.readFloats()[UpdateReport.NORM], 1e-5);
        assertClose(w, parameters.readFloats());
      }
      for (int moment = 0; moment < rule.moments(); moment++) {
        assertEquals(0f, moments.readFloats()[moment * n + 1], "of no group");
      }
    }
  }

  /** The same numbers for all groups are the update without groups, bit for bit. */
  @ParameterizedTest
  @EnumSource(UpdateRule.class)
  void groupsOfTheSameNumbersChangeNoBit(UpdateRule rule) {
    int n = 10_001;
    float[] start = random(n).readFloats();
    Buffer[] parameters = {buffer(start), buffer(start)};
    Buffer[] moments = {
      buffer(new float[rule.moments() * n]), buffer(new float[rule.moments() * n])
    };
    UpdateGroups where = new UpdateGroups(tokens(7, 4099, n), tokens(1, 0, 1));
    for (int t = 1; t <= 2; t++) {
      Buffer g = random(n);
      float[] row = step(rule, t, 0.01f, 0.1f, 1f, 0f).values();
      float[] rows = Arrays.copyOf(row, 2 * row.length);
      System.arraycopy(row, 0, rows, row.length, row.length);
      Buffer[] reports = {buffer(UpdateReport.initial(1f)), buffer(UpdateReport.initial(1f))};
      backend.optimizerStep(rule, buffer(row), parameters[0], g, moments[0], reports[0]);
      backend.optimizerStep(rule, buffer(rows), where, parameters[1], g, moments[1], reports[1]);
      assertArrayEquals(reports[0].readFloats(), reports[1].readFloats());
    }
    assertArrayEquals(parameters[0].readFloats(), parameters[1].readFloats());
    assertArrayEquals(moments[0].readFloats(), moments[1].readFloats());
  }

  private static OptimizerStep step(
      UpdateRule rule, int t, float rate, float decay, float clipNorm, float clipValue) {
    return new OptimizerStep(rule, t, rate, clipNorm, clipValue, constants(rule, decay));
  }

  private Buffer numbers(
      UpdateRule rule, int t, float rate, float decay, float clipNorm, float clipValue) {
    return buffer(step(rule, t, rate, decay, clipNorm, clipValue).values());
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
  @EnumSource(UpdateRule.class)
  void aGradientThatIsNotFiniteLeavesParametersAndMoments(UpdateRule rule) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Buffer parameters = buffer(1, 2, 3);
      float[] start = new float[3 * rule.moments()];
      Arrays.fill(start, 0.5f);
      Buffer moments = buffer(start);
      Buffer report = buffer(UpdateReport.initial(1f));
      Buffer numbers = numbers(rule, 1, 0.1f, 0.1f, 1f, 1f);
      backend.optimizerStep(rule, numbers, parameters, buffer(1, bad, 2), moments, report);
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
  @EnumSource(UpdateRule.class)
  void skippedUpdatesDoNotCountForTheNext(UpdateRule rule) {
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
      UpdateRule rule, int t, Buffer parameters, Buffer g, Buffer moments, Buffer report) {
    Buffer numbers = numbers(rule, t, 0.1f, 0.1f, 1.5f, 1f);
    backend.optimizerStep(rule, numbers, parameters, g, moments, report);
    numbers.close();
  }

  /** A power of two changes no bit. */
  @ParameterizedTest
  @EnumSource(UpdateRule.class)
  void theLossScaleIsTakenOutBeforeClipping(UpdateRule rule) {
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
    update(UpdateRule.SGD, 1, parameters, buffer(1, Float.NaN), moments, report);
    assertArrayEquals(
        new float[] {1, 512, 0}, Arrays.copyOfRange(report.readFloats(), 1, 4), "overflow");
    for (int i = 0; i < 1999; i++) {
      update(UpdateRule.SGD, 2, parameters, good, moments, report);
    }
    assertArrayEquals(new float[] {1, 512, 1999}, Arrays.copyOfRange(report.readFloats(), 1, 4));
    update(UpdateRule.SGD, 2, parameters, good, moments, report);
    assertArrayEquals(
        new float[] {1, 1024, 0}, Arrays.copyOfRange(report.readFloats(), 1, 4), "doubled");
  }

  @Test
  void theLossScaleMultipliesTheGradientAndNotTheLoss() {
    LossShape shape = new LossShape(Loss.softmaxCrossEntropy(), 1, 2, 3);
    Buffer a = buffer(1, 2, 3, 0, 0, 1);
    Buffer[] gradients = {poisoned(6), poisoned(6)};
    Buffer[] results = {poisoned(2), poisoned(2)};
    Buffer half = buffer(0.5f);
    Buffer scale = buffer(UpdateReport.initial(64f)).slice(UpdateReport.LOSS_SCALE, 1);
    backend.loss(shape, a, tokens(0, 2), null, half, null, gradients[0], results[0]);
    backend.loss(shape, a, tokens(0, 2), null, half, scale, gradients[1], results[1]);
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
    Buffer numbers = poisoned(OptimizerStep.ELEMENTS);
    double[] expected = new double[3];
    ByteBuffer source = Backend.hostMemory(DType.FLOAT32, 3);
    ByteBuffer rates = Backend.hostMemory(DType.FLOAT32, OptimizerStep.ELEMENTS);
    for (int i = 1; i <= 6; i++) {
      source.clear().asFloatBuffer().put(new float[] {i, 2 * i, -i});
      float rate = 0.5f / i;
      OptimizerStep step = new OptimizerStep(UpdateRule.SGD, i, rate, 0f, 0f, List.of(0f, 0f));
      rates.clear().asFloatBuffer().put(step.values());
      backend.step(
          "repeated",
          List.of(new StepInput(source, x), new StepInput(rates, numbers)),
          () -> backend.optimizerStep(step.rule(), numbers, parameters, x, moments, report));
      source.clear().asFloatBuffer().put(new float[] {7, 7, 7}); // it has been taken already
      rates.clear().asFloatBuffer().put(new float[OptimizerStep.ELEMENTS]);
      for (int j = 0; j < 3; j++) {
        expected[j] -= rate * new double[] {i, 2 * i, -i}[j];
      }
    }
    assertClose(expected, parameters.readFloats());
  }

  @Test
  void aStepWithoutInputsIsRepeated() {
    Buffer x = buffer(1, 2, 3);
    Buffer sum = buffer(0, 0, 0);
    ColumnCopy add = ColumnCopy.whole(1, 3, 0.5f, true);
    for (int i = 1; i <= 5; i++) {
      backend.step("no inputs", List.of(), () -> backend.copyColumns(add, x, sum));
      assertClose(new double[] {0.5 * i, i, 1.5 * i}, sum.readFloats());
    }
  }

  /**
   * Two of each in one step: keys of dropout and of drawn tokens, scales of gradients, and
   * optimisers with other numbers, or another rule. Beside it the same work is done call by call.
   */
  @Test
  void severalKeysScalesAndOptimisersOfAStepEachTakeTheirOwnInput() {
    Work repeated = new Work();
    Work single = new Work();
    for (int i = 1; i <= 7; i++) {
      List<StepInput> inputs = repeated.stage(i);
      backend.step("several", inputs, repeated::run);
      for (StepInput input : single.stage(i)) {
        backend.upload(input.source(), input.target());
      }
      single.run();
      List<float[]> actual = repeated.results();
      List<float[]> expected = single.results();
      for (int r = 0; r < expected.size(); r++) {
        assertArrayEquals(expected.get(r), actual.get(r), "step " + i + ", result " + r);
      }
      assertArrayEquals(single.token.readInts(), repeated.token.readInts());
    }
  }

  private final class Work {
    private static final int N = 33;
    private final LossShape shape = new LossShape(Loss.meanSquaredError(), 1, 1, N);
    private final DrawShape draw = new DrawShape(N, 1f, 0, 1f);
    private final Buffer ints = tokens(new int[2 * RandomKey.ELEMENTS + 2]);
    private final Buffer floats = poisoned(2 + 2 * OptimizerStep.ELEMENTS);
    private final ByteBuffer intStaging = Backend.hostMemory(DType.INT32, ints.elements());
    private final ByteBuffer floatStaging = Backend.hostMemory(DType.FLOAT32, floats.elements());
    private final Buffer x = ramp();
    private final Buffer[] weights = {ramp(), ramp()};
    private final Buffer[] dropped = {poisoned(N), poisoned(N)};
    private final Buffer[] gradients = {poisoned(N), poisoned(N)};
    private final Buffer[] moments = {buffer(new float[N]), buffer(new float[2 * N])};
    private final Buffer[] reports = {
      buffer(UpdateReport.initial(1f)), buffer(UpdateReport.initial(8f))
    };
    private final Buffer result = poisoned(2);
    final Buffer token = tokens(-7, -7);

    private Buffer ramp() {
      float[] values = new float[N];
      for (int i = 0; i < N; i++) {
        values[i] = 0.1f * (i + 1);
      }
      return buffer(values);
    }

    /** Other numbers for each {@code i}. */
    List<StepInput> stage(int i) {
      intStaging
          .clear()
          .asIntBuffer()
          .put(new RandomKey(i, 3, 1L << 40).words())
          .put(new RandomKey(9, i, i).words())
          .put(new int[] {-i, 1});
      floatStaging
          .clear()
          .asFloatBuffer()
          .put(new float[] {1f / i, -i})
          .put(step(UpdateRule.SGD, i, 0.1f / i, 0f, 0f, 0f).values())
          .put(step(UpdateRule.ADAM, i, 0.01f * i, 0.1f, i, 0f).values());
      return List.of(new StepInput(intStaging, ints), new StepInput(floatStaging, floats));
    }

    void run() {
      for (int i = 0; i < 2; i++) {
        Buffer key = ints.slice((long) i * RandomKey.ELEMENTS, RandomKey.ELEMENTS);
        Buffer first = ints.slice(2 * RandomKey.ELEMENTS, 2);
        Buffer numbers =
            floats.slice(2 + (long) i * OptimizerStep.ELEMENTS, OptimizerStep.ELEMENTS);
        Buffer lossScale = reports[i].slice(UpdateReport.LOSS_SCALE, 1);
        backend.dropout(0, 0.4f, key, x, dropped[i]);
        backend.drawToken(draw, key, first, i, x, token.slice(i, 1));
        backend.loss(
            shape,
            dropped[i],
            weights[1 - i],
            null,
            floats.slice(i, 1),
            lossScale,
            gradients[i],
            result);
        UpdateRule rule = i == 0 ? UpdateRule.SGD : UpdateRule.ADAM;
        backend.optimizerStep(rule, numbers, weights[i], gradients[i], moments[i], reports[i]);
      }
    }

    List<float[]> results() {
      List<float[]> all = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        for (Buffer buffer : List.of(dropped[i], gradients[i], weights[i], reports[i])) {
          all.add(buffer.readFloats());
        }
      }
      return all;
    }
  }

  /** A stack whose outputs show the bits that its dropout draws: linear, of ones. */
  @Test
  void twoStacksOfAStepDrawTheBitsOfTheirOwnStreams() {
    int h = 257;
    RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 2, 1, 1, 1, 1, h, 0.5f);
    ParameterLayout layout = shape.parameterLayout();
    float[] weights = new float[(int) layout.totalElements()];
    int first = (int) layout.offset(ParameterLayout.Kind.INPUT_WEIGHTS, 0, 0);
    int second = (int) layout.offset(ParameterLayout.Kind.INPUT_WEIGHTS, 1, 0);
    for (int j = 0; j < h; j++) {
      weights[first + j] = 1f;
      weights[second + j * h + j] = 1f;
    }
    Buffer parameters = buffer(weights);
    Buffer x = buffer(1f);
    Buffer[] y = {poisoned(h), poisoned(h)};
    Buffer keys = tokens(new int[2 * RandomKey.ELEMENTS]);
    ByteBuffer staging = Backend.hostMemory(DType.INT32, keys.elements());
    try (RnnPlan one = backend.plan(shape, Mode.TRAINING);
        RnnPlan other = backend.plan(shape, Mode.TRAINING)) {
      RnnPlan[] plans = {one, other};
      Buffer saved = buffer(new float[(int) one.savedElements()]);
      for (int i = 0; i < 5; i++) {
        RandomKey[] drawn = {new RandomKey(7, 4, i), new RandomKey(7, 400, i)};
        staging.clear().asIntBuffer().put(drawn[0].words()).put(drawn[1].words());
        backend.step(
            "two stacks",
            List.of(new StepInput(staging, keys)),
            () -> {
              for (int p = 0; p < 2; p++) {
                Buffer key = keys.slice((long) p * RandomKey.ELEMENTS, RandomKey.ELEMENTS);
                plans[p].forward(
                    RnnTensors.of(parameters, x, y[p]).withSaved(saved).withDropoutKey(key));
              }
            });
        int same = 0;
        float[][] outputs = {y[0].readFloats(), y[1].readFloats()};
        for (int j = 0; j < h; j++) {
          for (int p = 0; p < 2; p++) {
            int word = Philox.word(7, drawn[p].stream(), i, j);
            assertEquals(word >= 0 ? 0f : 2f, outputs[p][j], 1e-6f, "unit " + j);
          }
          same += outputs[0][j] == outputs[1][j] ? 1 : 0;
        }
        // Of independent bits half agree, give or take six times the root of 257/4.
        assertTrue(same > 80 && same < 177, same + " of " + h + " bits are the same");
      }
    }
  }

  /** Engines keep packed copies of weights; a replay makes its own in their place. */
  @Test
  void aPlanComputesWithTheParametersItIsGivenBetweenStepsToo() {
    RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 1, 1, 1, 1, 1, 1, 0f);
    ParameterLayout layout = shape.parameterLayout();
    Buffer[] parameters = new Buffer[3];
    RnnTensors[] tensors = new RnnTensors[3];
    Buffer x = buffer(1f);
    Buffer y = poisoned(1);
    for (int p = 0; p < 3; p++) {
      float[] weights = new float[(int) layout.totalElements()];
      weights[(int) layout.offset(ParameterLayout.Kind.INPUT_WEIGHTS, 0, 0)] = p + 1;
      parameters[p] = buffer(weights);
      tensors[p] = RnnTensors.of(parameters[p], x, y);
    }
    try (RnnPlan plan = backend.plan(shape, Mode.INFERENCE)) {
      int[] calls = {
        // number of parameters; -1 and -2 for steps with the first and the second
        1, -1, -1, -1, 1, 1, -1, 1, -2, 0, -2, 1, -2, 1, 0, -2, 2, -1, 2, 1, 0, -1, 0, -2, 0
      };
      for (int i = 0; i < calls.length; i++) {
        int of = calls[i] < 0 ? -1 - calls[i] : calls[i];
        if (calls[i] < 0) {
          backend.step("step " + of, List.of(), () -> plan.forward(tensors[of]));
        } else {
          plan.forward(tensors[of]);
        }
        assertArrayEquals(new float[] {of + 1}, y.readFloats(), "call " + i);
      }
    }
  }

  @Test
  void aRepeatedStepIsCheckedEveryTime() {
    Buffer tokens = tokens(0, 0);
    Buffer table = buffer(1, 2, 3, 4);
    Buffer y = poisoned(4);
    ByteBuffer source = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
    List<StepInput> inputs = List.of(new StepInput(source, tokens));
    Runnable work = () -> backend.embeddingForward(2, 2, tokens, table, y);
    long before = y.version();
    for (int i = 0; i < 8; i++) {
      boolean wrong = i % 3 == 2; // among the calls that record as well as those that replay
      source.clear().asIntBuffer().put(new int[] {1, wrong ? 2 : i % 2});
      if (wrong) {
        String message =
            assertThrows(IllegalArgumentException.class, () -> backend.step("tokens", inputs, work))
                .toString();
        assertTrue(message.contains("tokens[1] is 2; needed at most 1"), message);
      } else {
        backend.step("tokens", inputs, work);
        assertTrue(y.version() != before, "what a step writes counts as written");
        before = y.version();
        assertClose(new double[] {3, 4, i % 2 == 0 ? 1 : 3, i % 2 == 0 ? 2 : 4}, y.readFloats());
      }
    }
    source.clear().asIntBuffer().put(new int[] {0, 1});
    if (backend.isAsynchronous()) { // others record nothing, and take what each call gives them
      source.limit(4);
      assertThrows(IllegalArgumentException.class, () -> backend.step("tokens", inputs, work));
      source.clear();
    }
    y.close();
    assertThrows(IllegalStateException.class, () -> backend.step("tokens", inputs, work));
  }

  /** A recording is of places; a step may cut the buffers that lie there anew each time. */
  @Test
  void aStepTakesInputsForNewSlicesOfTheSamePlaces() {
    Buffer memory = buffer(0, 0, 0, 0);
    Buffer sum = buffer(0, 0);
    ByteBuffer source = Backend.hostMemory(DType.FLOAT32, 2);
    Runnable work =
        () -> backend.copyColumns(ColumnCopy.whole(1, 2, 1f, true), memory.slice(1, 2), sum);
    for (int i = 1; i <= 5; i++) {
      source.clear().asFloatBuffer().put(new float[] {i, 10 * i});
      backend.step("slices", List.of(new StepInput(source, memory.slice(1, 2))), work);
    }
    assertArrayEquals(new float[] {15, 150}, sum.readFloats());
    if (backend.isAsynchronous()) { // others record nothing
      for (Buffer other : List.of(memory.slice(0, 2), memory.slice(2, 2), sum)) {
        List<StepInput> inputs = List.of(new StepInput(source, other));
        assertThrows(IllegalArgumentException.class, () -> backend.step("slices", inputs, work));
      }
    }
  }

  /** What was recorded goes with what it worked on. */
  @Test
  void aKeyIsFreeOnceSomethingThatItsStepUsedIsClosed() {
    RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 1, 1, 1, 1, 1, 1, 0f);
    Buffer parameters = buffer(new float[(int) shape.parameterLayout().totalElements()]);
    ByteBuffer source = Backend.hostMemory(DType.FLOAT32, 1);
    source.asFloatBuffer().put(3f);
    for (int closed = 0; closed < 4; closed++) {
      Buffer input = buffer(0);
      Buffer x = buffer(1);
      Buffer y = poisoned(1);
      Buffer sum = buffer(0);
      RnnPlan plan = backend.plan(shape, Mode.INFERENCE);
      RnnTensors tensors = RnnTensors.of(parameters, x, y);
      ColumnCopy add = ColumnCopy.whole(1, 1, 1f, true);
      for (int i = 1; i <= 4; i++) {
        backend.step(
            "key",
            List.of(new StepInput(source, input)),
            () -> {
              backend.copyColumns(add, input, sum);
              plan.forward(tensors);
            });
        assertArrayEquals(new float[] {3 * i}, sum.readFloats());
      }
      List.<Runnable>of(input::close, x::close, sum::close, plan::close).get(closed).run();
    }
  }

  /** Whatever was written in between: what a step draws is anything that it may draw. */
  @Test
  void theRangeOfWhatARepeatedStepWritesIsKnownToTheNextCall() {
    int vocabulary = 100;
    Buffer tokens = tokens(0, 0, 0);
    Buffer drawn = tokens.slice(1, 1);
    Buffer kept = tokens(0);
    Buffer logits = buffer(new float[vocabulary]);
    Buffer table = buffer(new float[50]);
    Buffer y = poisoned(3);
    Buffer key = tokens(new int[RandomKey.ELEMENTS]);
    Buffer first = tokens(0, 0);
    DrawShape likeliest = new DrawShape(vocabulary, 0f, 0, 1f);
    Runnable work =
        () -> {
          backend.embeddingForward(3, 1, tokens, table, y);
          backend.drawToken(likeliest, key, first, 0, logits, drawn);
          backend.drawToken(likeliest, key, first, 1, logits, kept);
        };
    for (int i = 0; i < 6; i++) {
      tokens.write(0, 0, 0);
      kept.write(0);
      logits.write(oneAt(i < 3 ? 3 : 99, vocabulary));
      backend.step("draws", List.of(), work);
      if (i < 3) {
        backend.embeddingForward(3, 1, tokens, table, y);
        backend.embeddingForward(1, 1, kept, table, y);
      } else {
        requireRefused("tokens[1] is 99; needed at most 49", () -> embed(tokens, 3, table, y));
        requireRefused("tokens[0] is 99; needed at most 49", () -> embed(kept, 1, table, y));
        requireRefused(
            "tokens[1] is 99; needed at most 49", () -> backend.step("draws", List.of(), work));
      }
    }
  }

  private void embed(Buffer tokens, int rows, Buffer table, Buffer y) {
    backend.embeddingForward(rows, 1, tokens, table, y);
  }

  private static float[] oneAt(int place, int length) {
    float[] values = new float[length];
    values[place] = 1f;
    return values;
  }

  private static void requireRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** While a step is recorded nothing runs: what was to be overwritten may be there still. */
  @Test
  void aStepThatFailsLeavesNothingTakenForWritten() {
    Buffer tokens = tokens(0);
    Buffer table = buffer(0, 1, 2, 3);
    Buffer y = poisoned(1);
    Buffer key = tokens(new int[RandomKey.ELEMENTS]);
    Buffer first = tokens(0, 0);
    DrawShape shape = new DrawShape(4, 0f, 0, 1f);
    Buffer logits = buffer(oneAt(3, 4));
    boolean[] fails = {false};
    Runnable work =
        () -> {
          backend.drawToken(shape, key, first, 0, logits, tokens);
          if (fails[0]) {
            throw new UnsupportedOperationException("in the middle of a step");
          }
        };
    for (int call = 0; call < 3; call++) {
      Object step = "fails as call " + call;
      fails[0] = false;
      for (int i = 0; i < call; i++) {
        backend.step(step, List.of(), work);
      }
      tokens.write(7);
      fails[0] = true;
      assertThrows(UnsupportedOperationException.class, () -> backend.step(step, List.of(), work));
      if (tokens.readInts()[0] == 7) {
        requireRefused("tokens[0] is 7; needed at most 3", () -> embed(tokens, 1, table, y));
      } else {
        embed(tokens, 1, table, y);
        assertArrayEquals(new float[] {3}, y.readFloats());
      }
    }
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
    "3000, 1, 0, 0.95",
    "400000, 0.5, 0, 1",
    "600000, 0, 0, 1"
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
    long start = (1L << 33) - 20; // numbers of more than 32 bits, and a carry on the way
    RandomKey random = new RandomKey(9L << 32, Philox.Stream.SAMPLER.number(), 5L << 34);
    Buffer key = tokens(random.words());
    Buffer first = tokens((int) start, (int) (start >>> 32));
    for (int n = 0; n < (vocabulary > 10_000 ? 2 : 50); n++) {
      backend.drawToken(shape, key, first, n, logits, token);
      int word = Philox.word(random.seed(), random.stream(), random.offset(), start + n);
      assertEquals(host.draw(shape, word), token.readInts()[0], "token " + n);
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "1"})
  void noTokenIsDrawnFromLogitsThatAreNotFinite(float temperature) {
    Buffer token = tokens(3);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      DrawShape shape = new DrawShape(3, temperature, 2, 0.9f);
      Buffer key = tokens(new RandomKey(1, 0, 0).words());
      backend.drawToken(shape, key, tokens(0, 0), 0, buffer(0, bad, 1), token);
      assertEquals(-1, token.readInts()[0]);
    }
  }

  @ParameterizedTest(name = "R={0} V={1} topK {2} topP {3} minP {4} penalty {5}")
  @CsvSource({
    "3, 5, 0, 1, 0, 1",
    "2, 33, 7, 0.9, 0.05, 1.3",
    "70, 40, 0, 1, 0.2, 1.5",
    "4, 100, 0, 0.8, 0, 3",
    "3, 150000, 0, 1, 0, 1"
  })
  void severalRowsDrawWhatEachWouldAloneAndRememberIt(
      int rows, int vocabulary, int topK, float topP, float minP, float penalty) {
    DrawShape shape = new DrawShape(vocabulary, 1f, topK, topP, minP, penalty);
    DrawShape plain = new DrawShape(vocabulary, 1f, topK, topP, minP, 1f);
    Buffer logits = random(rows * vocabulary);
    float[] values = logits.readFloats();
    int[] keys = new int[rows * RandomKey.ELEMENTS];
    for (int row = 0; row < rows; row++) {
      int[] words = new RandomKey(7, 0x30000, row * 11L).words();
      System.arraycopy(words, 0, keys, row * RandomKey.ELEMENTS, words.length);
    }
    boolean[][] seenByHost = new boolean[rows][vocabulary];
    Buffer seen = tokens(new int[rows * vocabulary]);
    Buffer drawn = tokens(new int[rows]);
    TokenDraw host = new TokenDraw(vocabulary);
    for (int n = 0; n < (vocabulary > 1000 ? 2 : 12); n++) {
      backend.drawTokens(shape, rows, tokens(keys), tokens(5, 0), n, logits, seen, drawn);
      int[] actual = drawn.readInts();
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < vocabulary; i++) {
          float logit = values[row * vocabulary + i];
          boolean penalized = seenByHost[row][i];
          host.logits()[i] = !penalized ? logit : logit > 0 ? logit / penalty : logit * penalty;
        }
        int expected = host.draw(plain, Philox.word(7, 0x30000, row * 11L, 5L + n));
        assertEquals(expected, actual[row], "draw " + n + " of row " + row);
        seenByHost[row][expected] = true;
      }
    }
    int[] marks = seen.readInts();
    for (int i = 0; i < marks.length; i++) {
      assertEquals(seenByHost[i / vocabulary][i % vocabulary] ? 1 : 0, marks[i]);
    }
  }

  @ParameterizedTest(name = "R={0} V={1} count {2}")
  @CsvSource({"1, 1, 1", "3, 5, 5", "7, 33, 4", "2, 257, 31", "9, 3000, 6"})
  void theLikeliestTokensComeInOrderWithTheirLogarithms(int rows, int vocabulary, int count) {
    Buffer logits = random(rows * vocabulary);
    if (vocabulary > 4) {
      logits.slice(1, 3).write(9f, 9f, 9f); // equal ones by rising number
    }
    float[] values = logits.readFloats();
    Buffer chosen = tokens(new int[rows * count]);
    Buffer logarithms = poisoned(rows * count);
    backend.likeliest(new LikeliestShape(rows, vocabulary, count), logits, chosen, logarithms);
    int[] tokens = chosen.readInts();
    float[] actual = logarithms.readFloats();
    for (int row = 0; row < rows; row++) {
      int from = row * vocabulary;
      Integer[] order = new Integer[vocabulary];
      Arrays.setAll(order, i -> i);
      Arrays.sort(order, (a, b) -> Float.compare(values[from + b], values[from + a]));
      double sum = 0;
      for (int i = 0; i < vocabulary; i++) {
        sum += Math.exp(values[from + i]);
      }
      for (int i = 0; i < count; i++) {
        assertEquals(order[i], tokens[row * count + i], "rank " + i + " of row " + row);
        double expected = values[from + order[i]] - Math.log(sum);
        assertEquals(expected, actual[row * count + i], 1e-6 * (1 + Math.abs(expected)));
      }
    }
  }

  @Test
  void aRowThatIsNotFiniteHasNoLikeliestTokenAndDisturbsNoOther() {
    float huge = Float.MAX_VALUE;
    Buffer logits = buffer(1, 2, 3, 1, Float.NaN, 3, -huge, huge, 0);
    Buffer chosen = tokens(new int[6]);
    Buffer logarithms = poisoned(6);
    backend.likeliest(new LikeliestShape(3, 3, 2), logits, chosen, logarithms);
    assertArrayEquals(new int[] {2, 1, -1, -1, 1, 2}, chosen.readInts());
    float[] values = logarithms.readFloats();
    assertTrue(Float.isNaN(values[2]) && Float.isNaN(values[3]));
    assertEquals(0f, values[4]);
    assertEquals(-huge, values[5]);
  }

  @ParameterizedTest
  @CsvSource({"0", "5000000", "16777216"})
  void tokensAreMixedByTheWordsOfTheKey(int threshold) {
    int steps = 41;
    int batch = 13;
    int[] given = new int[steps * batch];
    int[] predicted = new int[given.length];
    for (int i = 0; i < given.length; i++) {
      given[i] = i % 7 == 3 ? -1 : i % 50;
      predicted[i] = 50 + i % 50;
    }
    Buffer mixed = tokens(new int[given.length]);
    RandomKey key = new RandomKey(3, 5, 1L << 40);
    backend.mixTokens(
        new TokenMix(steps, batch, 100),
        tokens(key.words()),
        tokens(threshold),
        tokens(given),
        tokens(predicted),
        mixed);
    int[] actual = mixed.readInts();
    int taken = 0;
    for (int i = 0; i < given.length; i++) {
      boolean own = Philox.word(3, 5, 1L << 40, i) >>> 8 >= threshold;
      boolean replaced = i >= batch && given[i] >= 0 && own;
      assertEquals(replaced ? predicted[i - batch] : given[i], actual[i], "element " + i);
      taken += replaced ? 1 : 0;
    }
    assertEquals(threshold == TokenMix.ALWAYS, taken == 0);
  }
}
