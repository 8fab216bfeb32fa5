package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.RandomWork;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Products of bfloat16 on the native engine against double precision on the rounded operands: each
 * product of two such numbers is exact in float32, so that all that may be off is what the sums
 * round.
 */
class Bfloat16ProductsTest {
  private static final List<String> INSTRUCTION_SETS = List.of("AVX-512", "AVX2", "baseline");

  @BeforeAll
  static void load() {
    NativeBuild.assumePresent();
  }

  private static Backend open(String instructionSet, CpuProducts products) {
    try {
      return new Backend(new CpuEngine(instructionSet, 2, true, products));
    } catch (RuntimeException e) { // an instruction set of another processor
      assumeTrue(false, e.getMessage());
      throw e;
    }
  }

  static Stream<Arguments> engines() {
    return INSTRUCTION_SETS.stream()
        .flatMap(
            set ->
                Stream.of(CpuProducts.BFLOAT16, CpuProducts.BFLOAT16_IN_FLOATS)
                    .map(products -> Arguments.of(set, products)));
  }

  /** The nearest number with 8 bits of mantissa; of two, the one whose last bit is 0. */
  private static double nearest(double value) {
    float x = (float) value;
    float below = Float.intBitsToFloat(Float.floatToRawIntBits(x) & 0xFFFF0000);
    float above = Float.intBitsToFloat(Float.floatToRawIntBits(below) + 0x10000);
    double toBelow = Math.abs((double) x - below);
    double toAbove = Math.abs((double) above - x);
    boolean belowIsEven = (Float.floatToRawIntBits(below) >> 16 & 1) == 0;
    return toBelow < toAbove || (toBelow == toAbove && belowIsEven) ? below : above;
  }

  /** What a conversion that only drops bits would make of it. */
  private static double cut(double value) {
    return Float.intBitsToFloat(Float.floatToRawIntBits((float) value) & 0xFFFF0000);
  }

  /** {@code c[M,N]} of {@code a[M,K] · b[K,N]}, and of the sums of the products' sizes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Sums(double[] c, double[] sizes) {
    static Sums of(
        int rows, int terms, int columns, Element a, Element b, DoubleUnaryOperator rounding) {
      double[] c = new double[rows * columns];
      double[] sizes = new double[rows * columns];
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          for (int k = 0; k < terms; k++) {
            double product =
                rounding.applyAsDouble(a.at(i, k)) * rounding.applyAsDouble(b.at(k, j));
            c[i * columns + j] += product;
            sizes[i * columns + j] += Math.abs(product);
          }
        }
      }
      return new Sums(c, sizes);
    }

    /**
     * Whether all of {@code actual} is within what K float32 additions, one after the other, may be
     * off: {@code K·u / (1 − K·u)} of the sum of sizes with {@code u = 2⁻²⁴} (Higham, Accuracy and
     * Stability of Numerical Algorithms, 3.1).
     */
    String fault(float[] actual, int terms) {
      double unit = terms * 0x1p-24;
      for (int i = 0; i < c.length; i++) {
        double bound = unit / (1 - unit) * sizes[i];
        if (!(Math.abs(actual[i] - c[i]) <= bound)) {
          return "[" + i + "] is " + actual[i] + "; needed " + c[i] + " within " + bound;
        }
      }
      return "";
    }
  }

  private interface Element {
    double at(int row, int column);
  }

  private static Element matrix(float[] values, int columns) {
    return (row, column) -> values[row * columns + column];
  }

  private static Element transposed(float[] values, int columns) {
    return (row, column) -> values[column * columns + row];
  }

  private static float[] draw(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return values;
  }

  /** What a dense layer computes of random numbers, forward and backward. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Dense(
      int rows,
      int inputs,
      int outputs,
      float[] x,
      float[] weight,
      float[] dy,
      float[] y,
      float[] dx,
      float[] dWeight) {
    static Dense on(Backend backend, int rows, int inputs, int outputs, long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      float[] x = draw(random, rows * inputs);
      float[] weight = draw(random, outputs * inputs);
      float[] dy = draw(random, rows * outputs);
      LinearShape shape = new LinearShape(rows, inputs, outputs, Activation.NONE);
      try (Buffer bx = buffer(backend, x);
          Buffer bw = buffer(backend, weight);
          Buffer bdy = buffer(backend, dy);
          Buffer by = buffer(backend, new float[rows * outputs]);
          Buffer bdx = buffer(backend, new float[rows * inputs]);
          Buffer bdw = buffer(backend, new float[outputs * inputs])) {
        backend.linearForward(shape, bx, bw, null, by);
        backend.linearBackward(shape, bx, bw, by, bdy, bdx, bdw, null);
        return new Dense(
            rows,
            inputs,
            outputs,
            x,
            weight,
            dy,
            by.readFloats(),
            bdx.readFloats(),
            bdw.readFloats());
      }
    }

    private static Buffer buffer(Backend backend, float[] values) {
      Buffer buffer = backend.allocate(DType.FLOAT32, values.length);
      buffer.write(values);
      return buffer;
    }

    /** The first number of the three products that is too far off; empty if none is. */
    String fault(DoubleUnaryOperator rounding) {
      String ofY =
          Sums.of(rows, inputs, outputs, matrix(x, inputs), transposed(weight, inputs), rounding)
              .fault(y, inputs);
      String ofDx =
          Sums.of(rows, outputs, inputs, matrix(dy, outputs), matrix(weight, inputs), rounding)
              .fault(dx, outputs);
      String ofDWeight =
          Sums.of(outputs, rows, inputs, transposed(dy, outputs), matrix(x, inputs), rounding)
              .fault(dWeight, rows);
      return ofY.isEmpty() && ofDx.isEmpty() && ofDWeight.isEmpty()
          ? ""
          : "y" + ofY + " dx" + ofDx + " dWeight" + ofDWeight;
    }
  }

  /** Every tail of a register, of a word of two, of a tile and of a part of K. */
  private static final int[][] SIZES = {
    {1, 1, 1},
    {1, 2, 1},
    {2, 3, 5},
    {3, 1, 2},
    {4, 7, 33},
    {5, 31, 16},
    {7, 32, 17},
    {13, 33, 15},
    {14, 64, 32},
    {15, 65, 31},
    {28, 15, 64},
    {29, 127, 65},
    {64, 16, 3},
    {33, 257, 129},
    {3, 1023, 40},
    {17, 1025, 19},
    {1025, 9, 11},
    {6, 19, 1027},
    {230, 70, 50},
    {9, 2049, 5},
  };

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("engines")
  void productsOfAllSizesAreSumsOfExactProducts(String instructionSet, CpuProducts products) {
    try (Backend backend = open(instructionSet, products)) {
      for (int[] s : SIZES) {
        Dense dense = Dense.on(backend, s[0], s[1], s[2], 7);
        String where = backend.name() + " " + s[0] + "×" + s[1] + "×" + s[2] + ": ";
        assertEquals("", where(where, dense.fault(Bfloat16ProductsTest::nearest)));
      }
    }
  }

  private static String where(String where, String fault) {
    return fault.isEmpty() ? "" : where + fault;
  }

  /** What the bound is for: results of other operands, or with one term missing, are outside. */
  @Test
  void theBoundNoticesTruncationAndALostLastTerm() {
    try (Backend backend = open("baseline", CpuProducts.BFLOAT16)) {
      for (int[] s : new int[][] {{4, 7, 33}, {33, 257, 129}, {17, 1025, 19}}) {
        Dense dense = Dense.on(backend, s[0], s[1], s[2], 7);
        assertEquals("", dense.fault(Bfloat16ProductsTest::nearest));
        assertTrue(!dense.fault(Bfloat16ProductsTest::cut).isEmpty(), "cut operands");
        assertTrue(!dense.fault(value -> value).isEmpty(), "float32 operands");
        Sums shorter =
            Sums.of(
                s[0],
                s[1] - 1,
                s[2],
                matrix(dense.x(), s[1]),
                transposed(dense.weight(), s[1]),
                Bfloat16ProductsTest::nearest);
        assertTrue(!shorter.fault(dense.y(), s[1]).isEmpty(), "without the last term");
      }
    }
  }

  /** {@code value · 1}: what {@code value} is rounded to. */
  private static float rounded(Backend backend, float value) {
    LinearShape shape = new LinearShape(1, 1, 1, Activation.NONE);
    try (Buffer x = Dense.buffer(backend, new float[] {value});
        Buffer one = Dense.buffer(backend, new float[] {1});
        Buffer y = Dense.buffer(backend, new float[1])) {
      backend.linearForward(shape, x, one, null, y);
      return y.readFloats()[0];
    }
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("engines")
  void numbersAreRoundedToNearestEvenAndKeepWhatIsNotFinite(
      String instructionSet, CpuProducts products) {
    try (Backend backend = open(instructionSet, products)) {
      assertEquals(0x1p0f, rounded(backend, 0x1.01p0f), "half way, down to even");
      assertEquals(0x1.04p0f, rounded(backend, 0x1.03p0f), "half way, up to even");
      assertEquals(0x1.02p0f, rounded(backend, 0x1.010002p0f), "just above half way");
      assertEquals(-0x1.02p0f, rounded(backend, -0x1.02ffp0f));
      assertEquals(0x1.FEp127f, rounded(backend, 0x1.FEp127f), "the largest");
      assertEquals(Float.POSITIVE_INFINITY, rounded(backend, Float.MAX_VALUE));
      assertEquals(Float.NEGATIVE_INFINITY, rounded(backend, Float.NEGATIVE_INFINITY));
      assertTrue(Float.isNaN(rounded(backend, Float.NaN)));
      float lowBitsOnly = Float.intBitsToFloat(0x7F800001);
      assertTrue(Float.isNaN(rounded(backend, lowBitsOnly)), "a NaN that rounding would lose");
      assertTrue(Float.isNaN(rounded(backend, Float.intBitsToFloat(0x7FFFFFFF))));
      assertEquals(0x1p-126f, rounded(backend, 0x1p-126f), "the smallest normal number");
      // The processor's instruction takes what is smaller for 0.
      float denormal = rounded(backend, 0x1p-130f);
      assertTrue(denormal == 0 || denormal == 0x1p-130f, "2^-130 became " + denormal);
      SplittableRandom random = new SplittableRandom(5);
      for (int i = 0; i < 200; i++) {
        float value = (float) ((random.nextDouble() - 0.5) * Math.pow(2, random.nextInt(-60, 60)));
        assertEquals((float) nearest(value), rounded(backend, value));
      }
    }
  }

  /** The processor's instruction and its substitute, on random passes and operations. */
  @Test
  void theInstructionGivesTheBitsOfFloats() {
    assumeTrue(CpuProducts.isFast("AVX-512"), "this processor has no AVX512_BF16");
    try (Backend fast = open("AVX-512", CpuProducts.BFLOAT16);
        Backend slow = open("AVX-512", CpuProducts.BFLOAT16_IN_FLOATS);
        Backend floats = open("AVX-512", CpuProducts.FLOAT32)) {
      int differing = 0;
      for (int seed = 0; seed < RandomWork.samples(80); seed++) {
        RandomWork.Outcome expected = RandomWork.run(slow, seed, RandomWork.FLOAT32_ONLY, () -> {});
        RandomWork.Outcome actual = RandomWork.run(fast, seed, RandomWork.FLOAT32_ONLY, () -> {});
        assertEquals("", expected.difference(actual));
        RandomWork.Outcome exact = RandomWork.run(floats, seed, RandomWork.FLOAT32_ONLY, () -> {});
        differing += exact.difference(actual).isEmpty() ? 0 : 1;
      }
      assertTrue(differing > 10, "only " + differing + " pieces of work differ from float32");
    }
  }

  @Test
  void aDeviceSaysHowItMultiplies() {
    try (Backend fast = open("AVX2", CpuProducts.BFLOAT16);
        Backend floats = open("AVX2", CpuProducts.FLOAT32)) {
      assertEquals("cpu (AVX2, 2 threads, bf16 without AVX512_BF16)", fast.name());
      assertEquals("cpu (AVX2, 2 threads)", floats.name());
    }
    if (CpuProducts.isFast("AVX-512")) {
      try (Backend backend = open("AVX-512", CpuProducts.BFLOAT16)) {
        assertEquals("cpu (AVX-512, 2 threads, bf16)", backend.name());
      }
    }
  }
}
